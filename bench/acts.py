"""How often the act patterns fire on public sets that nobody here wrote, and how fast they are: one line of JSON.

Law: nothing is tuned to these sets; each is told apart, with negatives of its own source (cross-source figures lie).
"""

import csv
import gzip
import json
import sys
import time
from collections import Counter
from pathlib import Path

from answerable.ports.history import Speaker
from answerable.screen.acts import Voice, acts, frames
from answerable.screen.words import is_english

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "detection"
HATECHECK = ("threat_dir_h", "threat_norm_h", "counter_quote_nh", "counter_ref_nh", "target_indiv_nh", "target_obj_nh")


def fires(text: str) -> bool:
    """Tell whether the writer's own act is found."""
    return any(act.voice is Voice.OWN for act in acts(text, Speaker.USER))


def rate(texts: list[str]) -> dict:
    """Count, and the share in which an act is found."""
    return {"n": len(texts), "fires": round(sum(map(fires, texts)) / len(texts), 4) if texts else None}


def moderation() -> tuple[dict, list[str]]:
    """Violence, harassment and threat against same-source negatives."""
    with gzip.open(DATA / "oai-moderation" / "samples-1680.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    found = {}
    for label in ("V", "HR", "H2"):
        found[label] = {
            "positive": rate([row["prompt"] for row in rows if row.get(label) == 1]),
            "negative": rate([row["prompt"] for row in rows if row.get(label) == 0]),
        }
    return found, [row["prompt"] for row in rows]


def hatecheck() -> tuple[dict, list[str]]:
    """Threats at groups (not what is looked for), quotations and counter-speech (must stay quiet)."""
    with (DATA / "hatecheck" / "test_suite_cases.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = {name: rate([row["test_case"] for row in rows if row["functionality"] == name]) for name in HATECHECK}
    return found, [row["test_case"] for row in rows]


def toxicchat() -> tuple[dict, list[str]]:
    """Real prompts to a public chatbot: the budget of false alarms."""
    document = json.loads((DATA / "toxicchat" / "toxic_chat_train.json").read_text(encoding="utf-8"))
    texts = [
        row["instance"] if isinstance(row["instance"], str) else json.dumps(row["instance"])
        for row in document["instances"]
    ]
    return {"all": rate(texts), "kinds": kinds(texts)}, texts


def kinds(texts: list[str]) -> dict:
    """Texts per kind of act."""
    return dict(Counter(kind for text in texts for kind in {act.kind.value for act in acts(text, Speaker.USER)}))


def main() -> None:
    """Print one line."""
    if not DATA.is_dir():
        print(json.dumps({"bench": "acts", "skipped": "the folder shared/data/detection is not there"}))
        return
    report, everything = {}, []
    for name, read in (("oai-moderation", moderation), ("hatecheck", hatecheck), ("toxicchat", toxicchat)):
        report[name], texts = read()
        report[name]["not_screened"] = round(sum(not is_english(text) for text in texts) / len(texts), 4)
        everything += texts
    start = time.process_time()
    for text in everything:
        acts(text, Speaker.USER)
        frames(text)
    spent = time.process_time() - start
    speed = {"texts": len(everything), "per_cpu_second": round(len(everything) / spent)}
    print(json.dumps({"bench": "acts", **report, "speed": speed, "python": sys.version.split()[0]}))


if __name__ == "__main__":
    main()
