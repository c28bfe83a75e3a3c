"""The patterns of acts and frames, in English: what a person says that he does, will do, or wants done to somebody.

Law: conduct only. No word of health, identity or origin stands here (L15); every repetition is bounded, so time is linear.
"""

# ruff: noqa: E501  (one pattern, one line: a pattern that is wrapped cannot be read)

import re
from enum import StrEnum


class ActKind(StrEnum):
    """What is done or planned to a person (detection vocabulary of warning behaviours)."""

    THREAT = "threat"
    LOCATE = "locate"
    MONITOR = "monitor"
    CONTACT_EVASION = "contact_evasion"
    IMPERSONATE = "impersonate"
    DOSSIER = "dossier"
    ENLIST = "enlist"
    WEAPON = "weapon"
    REHEARSE = "rehearse"


class Frame(StrEnum):
    """What else a text may be; a frame lowers what an act counts for and never deletes it."""

    FICTION = "fiction"
    NEWS_OR_STUDY = "news_or_study"
    VICTIM = "victim"
    PROFESSIONAL = "professional"
    QUOTED = "quoted"
    ATTACHED = "attached"


# The parts. A blank in a pattern stands for one to three blanks or commas; `F3` for at most three words of any kind.
_NAME = r"(?-i:[A-Z][\w'-]{1,20}(?:\s{1,3}[A-Z][\w'-]{1,20}){0,2})"
_ROLE = (
    r"my (?:\w{1,12} )?(?:ex(?:-\w{1,12})?|wife|husband|girlfriend|boyfriend|partner|fiancee?|neighbou?r|boss|manager"
    r"|teacher|professor|co-?worker|colleague|room-?mate|flat-?mate|landlord|landlady|sister|brother|mother|mom|mum"
    r"|father|dad|daughter|son|cousin|aunt|uncle|friend|classmate|stalker|date|crush)"
)
_THING = (
    r"(?:process|job|thread|bug|app|server|session|task|time|noise|light|engine|feature|idea|project|monster|dragon|enemy"
    r"|zombie|spider|mosquito|fly|weed|plant|virus|exam|test|game|song|vibe|program|script|container|instance)"
)
# Whoever is called by an address, whole: e-mail, handle, a page of somebody's, a telephone number written like one.
_AT = (
    r"(?<![\w@./+-])(?:[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}|@\w(?:[\w.-]{0,30}\w)?"
    r"|(?:https?://)?(?:www\.)?(?:(?:instagram|facebook|twitter|x|tiktok|threads|t|github)\.(?:com|net|me)/@?"
    r"|(?:[a-z0-9-]{1,63}\.){1,4}[a-z]{2,12}/(?:@|(?:u|user|users|in|add|profiles?|people)/))[\w.-]{0,60}\w"
    r"|(?:\+\(?\d|\(?0\d|\(\d)(?:[ ()./-]{0,3}\d){5,15}|\d{3}[ .-]\d{3}[ .-]\d{4})(?![\w@]|[./-]\w)"
)
_PERSON = rf"her|him|them|{_ROLE}|{_NAME}"
_ANYBODY = rf"her|him|them|you|{_ROLE}|that (?!{_THING})\w{{2,15}}|{_NAME}"
_WHO = rf"(?P<who>{_AT}(?!'s)|{_PERSON})\b"
_WHOM = rf"(?P<who>{_AT}(?!'s)|{_ANYBODY})\b"
_SHE = rf"(?P<who>{_AT}|(?<!\w)(?:she|he|they|{_ROLE}|{_NAME}))\b"
_WHOSE = rf"(?P<who>{_AT}'s|her|his|their|{_ROLE}'s|{_NAME}(?:'s)?)\b"
# The same but for addresses: what people do to those every day, as contact them or get rid of them.
_WHO_NAMED = rf"(?P<who>{_PERSON})\b"
_WHOM_NAMED = rf"(?P<who>{_ANYBODY})\b"
_SHE_NAMED = rf"(?P<who>she|he|they|{_ROLE}|{_NAME})\b"
_WHOSE_NAMED = rf"(?P<who>her|his|their|{_ROLE}'s|{_NAME}(?:'s)?)\b"
_WILL = (
    r"\b(?:(?:i|we)(?:'?ll| will| shall| wanna| must| should| want to| need to| have to| intend to| plan to| would like to"
    r"|'d like to| promise to| can't wait to|'?m (?:going to|gonna|about to|planning to|ready to)"
    r"| am (?:going to|gonna|about to|planning to|ready to)|'?re going to| are going to)|i swear(?: to god)?(?: i'?ll| i will)|gonna)"
)
_SURE = r"(?: (?:really|just|finally|seriously|still|so|fucking|soon|then|personally|definitely|also|now|actually|literally)){0,2}"
_ASK = (
    r"\b(?:help me|can you|could you|would you|will you|please|(?:show|tell|teach) me how to|explain how to|how to"
    r"|how (?:do|can|could|would|should|might) (?:i|we|you|one)|(?:best|easiest|fastest|safest|any|a|another) way to|ways to"
    r"|where (?:can|could|do) i|so (?:that )?i can|trying to|i tried to|let's)"
)
_BEGIN = r"(?:^|(?<=[.!?;:\n\"]))\s{0,2}(?:please |now |then |ok |okay |and |so |also ){0,2}"
_OWN = rf"(?:{_WILL}{_SURE}|{_ASK}{_SURE})"
_DO = rf"(?:{_OWN} |{_BEGIN})"
_GIVE = r"(?:find|get|look up|locate|track down|dig up|pull up|search for|give me|tell me|show me|figure out|trace|obtain|google)"
_HURT = (
    r"(?:kill|murder|stab|shoot|strangle|choke|beat|hurt|attack|rape|slaughter|execute|poison|drown|burn|torture|maim|kidnap"
    r"|abduct|assault|punch|smash|behead|gut|harm|end|destroy|hunt|finish off|run over|get rid of|track down and \w{3,12})"
)
_MAIM = (
    r"(?:kill|murder|stab|shoot|strangle|choke|beat|hurt|harm|attack|assault|punch|behead|gut|rape|slaughter|torture|maim"
    r"|kidnap|abduct|poison|drown|run over|hunt(?: down)?|finish off)"
)
_HURTING = (
    r"(?:killing|murdering|stabbing|shooting|strangling|choking|beating|hurting|attacking|raping|torturing|kidnapping"
    r"|poisoning|burning|drowning|harming)"
)
_HARMLESS = r"(?! (?:F1)?(?:feelings?|chances|score|record|an? (?:e-?mail|message|text|note|call|line)|in (?:chess|the game|mario|fifa)))"
_MAILED = r"(?! (?:over )?(?:the|my|our|your|F3(?:e-?mail|message|text|note|copy|file|link|line))\b)"
_ARM = (
    r"(?:gun|handgun|pistol|revolver|rifle|shotgun|glock|firearm|silencer|suppressor|ammo|ammunition|bullets|explosives?|bomb"
    r"|molotov|crossbow|machete|brass knuckles|zip ties|chloroform|garrote|poison|untraceable \w{3,12})\b"
)
_CALL = (
    r"(?:contact|message|text|call|e-?mail|reach|write to|talk to|get through to|approach|dm|visit|see|speak to|follow)"
)
_FORBID = (
    r"(?:block(?:ed|s)?(?: me)?|told me (?:to stop|not to|to leave)|asked me (?:to stop|not to|to leave)|said no\b|doesn't want"
    r"|does not want|won't (?:answer|reply|respond|talk|see|let)|refuses to|ignor(?:es|ed|ing) me|(?:a |the )?restraining order"
    r"|(?:a |the )?no-?\s?contact|(?:a |the )?protective order|changed (?:her|his|their) number)"
)
_PLACE = r"(?:house|home|place|apartment|flat|work|workplace|office|school|street|building|gym|car)"
_LIVE = r"(?:lives?|works?|parks?|stays?|goes|moved|hangs out|sleeps|is (?:living|staying|working|hiding|now)|currently lives)"

# Cues are the first four letters of words of which a text must hold one before the pattern is tried: most texts hold none.
_HURT_CUES = "kill murd stab shoo stra chok beat hurt atta rape slau exec pois drow burn tort maim kidn abdu assa punc smas behe gut harm end dest hunt fini over rid down"
_FORBID_CUES = "bloc told aske said want won refu igno rest cont noco prot chan"
_ARM_CUES = "gun hand pist revo rifl shot gloc fire sile supp ammo ammu bull expl bomb molo cros mach bras zip chlo garr pois untr"

# (kind, whether the pattern itself names somebody it is done to, cues, pattern)
ACTS: tuple[tuple[ActKind, bool, str, str], ...] = (
    (ActKind.THREAT, True, _HURT_CUES, rf"{_WILL}{_SURE} (?:F3and )?{_HURT} {_WHOM_NAMED}{_HARMLESS}"),
    (ActKind.THREAT, True, _HURT_CUES, rf"{_ASK}{_SURE} {_HURT} {_WHO_NAMED}{_HARMLESS}"),
    (ActKind.THREAT, True, _HURT_CUES, rf"{_OWN} (?:F3and )?{_MAIM} (?P<who>{_AT})(?!'s){_HARMLESS}{_MAILED}"),
    (ActKind.THREAT, True, "pay suff blee regr beg burn die disa", rf"{_WILL}{_SURE} (?:make|watch|see) {_WHOM} (?:pay|suffer|bleed|regret|beg|burn|die|disappear)\b"),
    (ActKind.THREAT, True, "life care repu fami marr busi", rf"{_OWN} (?:ruin|destroy|end) {_WHOSE} (?:life|career|reputation|family|marriage|business)\b"),
    (ActKind.THREAT, True, "slit cut burn torc smas", rf"{_OWN} (?:slit|cut|burn|torch|smash) {_WHOSE} (?:throat|house|home|face|car|hair)\b"),
    (ActKind.THREAT, True, "acid bull hunt", rf"{_OWN} (?:throw acid (?:on|at)|put a bullet in|hunt down) {_WHOM}"),
    (ActKind.THREAT, True, "kill murd stab shoo stra chok beat hurt atta rapi tort kidn pois burn drow harm", rf"\b(?:thinking|fantasi[sz]ing|dreaming|obsessing|think|fantasi[sz]e|dream) (?:about|of) {_HURTING} {_WHOM}"),
    (ActKind.THREAT, True, "die suff blee kill hurt puni shot", rf"{_SHE} (?:deserves?|needs?|has|have|ought) (?:to )?(?:die|suffer|bleed|be (?:killed|hurt|punished|shot))\b"),
    (ActKind.THREAT, True, "die blee pay regr", r"\b(?P<who>you)(?:'?ll| will|'re going to| are going to|'re gonna) (?:die|bleed|pay for|regret (?:this|it|ever))\b"),
    (ActKind.THREAT, True, "pay sorr regr get", rf"\b{_SHE_NAMED}(?:'?ll| will| is going to|'s going to| are going to) (?:pay for|be sorry|regret (?:this|it|ever|what)|get what)\b"),
    (ActKind.LOCATE, True, "addr loca wher home hous apar work empl phon numb lice hote shel new", rf"{_DO}{_GIVE} (?:me )?(?:out )?{_WHOSE} F2(?:address|location|whereabouts|home|house|apartment|workplace|employer|phone number|number|licen[cs]e plate|hotel|shelter|new (?:job|place|school))\b"),
    (ActKind.LOCATE, True, "wher", rf"{_DO}{_GIVE} (?:me )?(?:out )?where {_SHE} F1{_LIVE}\b"),
    (ActKind.LOCATE, True, "wher", rf"\bwhere (?:does|do|is) {_SHE} F1(?:live|work|park|stay|sleep|living|working|staying|hiding)\b"),
    (ActKind.LOCATE, True, "down loca", rf"{_OWN} (?:track down|locate|hunt down) {_WHO}"),
    (ActKind.MONITOR, True, "phon loca gps mess text emai mail acco call car move inst face what snap iclo dms chat brow lapt comp hous acti", rf"{_DO}(?:track|monitor|spy on|keep tabs on|surveil|bug|wiretap|intercept|read|see|watch|hack|hack into|access|log into|get into|break into) {_WHOSE} F2(?:phone|location|gps|messages|texts|e-?mails?|accounts?|calls|car|movements|instagram|facebook|whatsapp|snapchat|icloud|dms|chats|browser|laptop|computer|house|activity)\b"),
    (ActKind.MONITOR, True, "trac spy stal foll watc moni keep surv", rf"{_DO}(?:track|spy on|stalk|follow|watch|monitor|keep tabs on|surveil) {_WHO_NAMED} (?:without|secretly|everywhere|home|at work|at night|around|daily|every day|in real time|from (?:a|my|work))\b"),
    (ActKind.MONITOR, True, "gps trac airt spyw stal keyl came reco micr", rf"(?:{_DO}|\b(?:i|we)(?:'ve| have)?(?: just| already)? )(?:install|installed|put|hide|hid|place|placed|plant|planted|attach|attached|stick|stuck) F3(?:gps|tracker|airtag|spyware|stalkerware|keylogger|camera|recorder|microphone) F2(?:on|in|under|inside|to|into|onto) {_WHOSE}"),
    (ActKind.MONITOR, True, "know noti find real seei", rf"{_DO}(?:track|follow|read|see|get|record|film|check|access|monitor|watch) F6without {_WHO} (?:knowing|noticing|finding out|reali[sz]ing|seeing)\b"),
    (ActKind.MONITOR, True, "foll watc trac", rf"\bi(?:'ve| have)?(?: been)? (?:followed|following|watched|watching|tracked|tracking) {_WHO_NAMED} (?:home|to|from|through|sleep|leave|around|at|every)\b"),
    (ActKind.MONITOR, True, "wait park sat sitt stoo stan hidi", rf"\bi(?:'ve| have|'m| am| was)?(?: been)? (?:waited|waiting|parked|sat|sitting|stood|standing|hiding) (?:outside|across from|in front of|near) {_WHOSE} F1{_PLACE}\b"),
    (ActKind.CONTACT_EVASION, True, _FORBID_CUES, rf"{_DO}{_CALL} {_WHO_NAMED} F4(?:even though|although|though|after|when|if|despite|now that|since|because|but) F2{_FORBID}"),
    (ActKind.CONTACT_EVASION, True, _FORBID_CUES, rf"\b{_SHE_NAMED}(?: has| have| had|'s)? F1{_FORBID}[^\n]{{0,60}}? (?:{_OWN}|is there)[^\n]{{0,30}}? {_CALL} (?:her|him|them)\b"),
    (ActKind.CONTACT_EVASION, False, "bloc rest cont noco prot inju", rf"{_OWN} (?:get around|get past|bypass|circumvent|evade|violate|break) F2(?:block|restraining order|no-?\s?contact order|protective order|injunction)\b"),
    (ActKind.CONTACT_EVASION, True, "acco numb phon emai mail prof sim", rf"\b(?:new|fake|burner|another|second|different|anonymous|alt|throwaway) F1(?:account|number|phone|e-?mail|profile|sim) F3(?:to|so (?:that )?i can|and) {_CALL} {_WHO_NAMED}"),
    (ActKind.CONTACT_EVASION, True, _FORBID_CUES, rf"{_OWN} {_CALL} (?P<who>{_AT}) F4(?:even though|although|though|despite) (?:she|he|her|his) F2{_FORBID}"),
    (ActKind.IMPERSONATE, True, "pret pose impe pass", rf"(?:{_WILL}|\bhelp me|\bhow (?:do|can|could) i) (?:pretend to be|pose as|impersonate|pass myself off as|pass as) {_WHO}"),
    (ActKind.IMPERSONATE, True, "prof acco page emai mail ad list post", rf"{_DO}(?:create|make|set up|open|register|build|design) F3(?:profile|account|page|e-?mail|ad|listing|post) F1(?:in|under|with|using|as|pretending to be|impersonating) {_WHOSE_NAMED}"),
    (ActKind.IMPERSONATE, True, "if thou look pret", rf"\b(?:as if|as though|so it looks like|pretending) F3(?:from|by|i am|i'?m|i was|i were|to be) {_WHO}"),
    (ActKind.IMPERSONATE, True, "voic sign face hand nude like id iden", rf"{_DO}(?:clone|fake|mimic|imitate|forge|deepfake|recreate|generate|make|create|copy) F3{_WHOSE} F1(?:voice|signature|face|handwriting|nudes?|likeness|id card|identity)\b"),
    (ActKind.IMPERSONATE, True, "deep nude porn tape", rf"\b(?:deepfakes?|nudes?|fake porn|sex tape) of {_WHO}"),
    (ActKind.DOSSIER, True, "doss prof eval asse repo file anal back expo time", rf"{_DO}(?:write|draft|create|make|compile|prepare|generate|build|put together|produce|assemble|do|give me|start|keep|run) F4(?:dossier|profile|evaluation|assessment|report|file|analysis|background check|expose|timeline) F1(?:on|about|of|against|regarding|concerning) {_WHO}"),
    (ActKind.DOSSIER, True, "ever anyt dirt info deta data inte secr evid", rf"{_DO}(?:collect|gather|dig up|compile|find|get|give me|list|pull|scrape|look up) F1(?:everything|anything|dirt|information|info|details|data|intel|secrets|evidence) F4(?:on|about|against|regarding) {_WHO}"),
    (ActKind.DOSSIER, True, "expo dox doxx defa sham smea disc humi blac exto", rf"{_OWN} (?:expose|doxx?|defame|shame|smear|discredit|humiliate|blackmail|extort) {_WHO}"),
    (ActKind.DOSSIER, True, "post publ leak shar rele uplo spre", rf"{_OWN} (?:post|publish|leak|share|release|upload|spread) {_WHOSE} F2(?:address|number|photos?|pictures?|nudes?|secrets|messages|details|information|info|name) F1(?:to|on|online|everywhere|publicly)\b"),
    (ActKind.ENLIST, True, "abou agai expo accu tell sayi so deta show", rf"{_DO}(?:send|forward|mail|e-?mail|post|deliver|cc|write|show) F4(?:to|with|for) {_WHOSE} F1(?:boss|employer|manager|family|parents|friends?|colleagues?|co-?workers?|school|university|clients?|customers?|landlord|neighbou?rs?|church|husband|wife|partner|work|company|followers|contacts) F2(?:about|against|exposing|accusing|telling|saying|so|detailing|showing)\b"),
    (ActKind.ENLIST, True, "cont mess call repo hara foll watc atta hurt kill scar thre beat floo spam trac find hack stal go pres conf", rf"{_OWN} (?:get|convince|ask|pay|hire|recruit|persuade|have|find|organi[sz]e|tell) F2(?:people|everyone|someone|somebody|others|friends?|guys?|followers|hitman|hacker|private (?:investigator|detective)|strangers|group) F1(?:to|who (?:can|will|would)|and) (?:contact|message|call|report|harass|follow|watch|attack|hurt|kill|scare|threaten|beat|flood|spam|track|find|hack|stalk|go after|pressure|confront) {_WHOM_NAMED}"),
    (ActKind.ENLIST, True, "hara atta hurt kill scar thre beat stal", rf"{_OWN} (?:get|convince|ask|pay|hire|recruit|persuade|have|find|tell) F2(?:people|everyone|someone|somebody|others|friends?|guys?|followers|hitman|hacker|strangers) F1(?:to|who (?:can|will|would)|and) (?:harass|attack|hurt|kill|scare|threaten|beat|stalk) {_WHOM}"),
    (ActKind.ENLIST, True, "mass", rf"\bmass (?:e-?mail|letter|mailing|report|message) F4(?:about|against|on) {_WHO}"),
    (ActKind.WEAPON, False, _ARM_CUES, rf"\bi(?:'ve| have|'m)?(?: just| already| finally| recently| now){{0,2}} (?:bought|buying|got|own|have|carry|carrying|ordered|loaded|stole|built|packed|hid) (?!F2(?:water|nerf|toy|nail|glue|heat|massage) )F3{_ARM}"),
    (ActKind.WEAPON, False, _ARM_CUES, rf"{_OWN} (?:buy|get|obtain|make|build|3d print|acquire|order|smuggle|hide|conceal|carry|load|bring) (?!F2(?:water|nerf|toy|nail|glue|heat|massage|bath) )F3{_ARM}"),
    (ActKind.WEAPON, False, "knif kniv blad axe hamm", rf"{_WILL}{_SURE} (?:bring|take|carry|hide|use|sharpen) F1(?:knife|knives|blade|axe|hammer)\b"),
    (ActKind.REHEARSE, True, "leav home fini off alon bed", rf"\b(?:what time|when) (?:does|do|will|is) {_SHE} F1(?:usually )?(?:leave|leaving|get home|come home|coming home|finish work|get off work|alone|home alone|walk home|go to bed)\b"),
    (ActKind.REHEARSE, True, "drov driv walk", rf"\bi(?:'ve| have)?(?: already| just)? (?:drove|driven|drive|walked|walk) (?:past|by|around) {_WHOSE} F1{_PLACE}\b"),
    (ActKind.REHEARSE, True, "prac rehe scou time mapp", rf"\bi(?:'ve| have)?(?: already| just)? (?:practi[sc]ed|rehearsed|scouted|timed|mapped) F4{_WHOSE}"),
    (ActKind.REHEARSE, True, "ambu corn jump grab lie", rf"{_OWN} (?:ambush|corner|jump|grab|lie in wait for) {_WHO_NAMED}"),
    (ActKind.REHEARSE, False, "away disp rid hide bury diss trac evid fing", rf"{_OWN} (?:get away with F2(?:murder|killing|it)|(?:dispose of|get rid of|hide|bury|dissolve) F1(?:body|corpse|remains)|leave no (?:trace|evidence|fingerprints))"),
)  # fmt: skip

FRAMES: dict[Frame, str] = {
    Frame.FICTION: r"\b(?:novel|novella|fiction|fictional|(?:a|my|this|the|short) (?:\w{1,12} )?(?:story|scene|poem|song)|screenplay|character|characters|chapter|protagonist|antagonist|villain|role-?play(?:ing)?|rpg|dungeons|fan ?fic\w{0,6}|lyrics|narrator|dialogue)\b",
    Frame.NEWS_OR_STUDY: r"\b(?:journalis[mt]s?|i(?:'m| am) (?:writing|reporting|working on) (?:an? |this )?(?:article|piece|report|thesis|essay|paper)|news ?paper|news (?:article|story|report)|podcast|documentary|case stud(?:y|ies)|true crime|dissertation|criminology|my (?:thesis|essay|research)|for (?:a|my) (?:class|course|seminar|lecture|thesis))\b",
    Frame.VICTIM: r"\b(?:(?:get|getting|file|filing|apply|applying|petition|petitioning|asking|ask|request|want|need)(?: for)?(?: an?| my| another)?(?: \w{1,12})? (?:restraining|protective|protection) order|order of protection|police report|report (?:him|her|them|this|it) to (?:the )?police|press charges|(?:is|was|been|keeps?|started) (?:stalking|threatening|harassing|following|hurting|hitting|abusing) me|(?:threatens|threatened|stalks|stalked|harasses|harassed|hits|hurts|abuses|abused) me|(?:afraid|scared|terrified) of (?:him|her|them)|safety plan|not safe|domestic abuse|(?:he|she|they) (?:sent|wrote|texted|e-?mailed|told) me)\b",
    Frame.PROFESSIONAL: r"\b(?:(?:i(?:'m| am)|as) an? (?:\w{1,12} )?(?:lawyer|attorney|police officer|detective|investigator|journalist|reporter|social worker|prosecutor|paralegal|researcher|moderator|judge)|my client|our client|on behalf of (?:my|our|a) client|deposition|witness statement)\b",
}  # fmt: skip

# Whoever is said to have said it, directly before; and directly behind.
REPORTED_BEFORE = r"(?:(?:{at}|\b(?:he|she|they|who|it|ex|{name}|(?:the|a|an|my|one) \w{2,15}))(?:'s| has| had| have| also| even| then| just| keeps?| kept| was| is| once){0,2} (?:\w{1,12}ly )?(?:said|says|saying|wrote|writes|writing|texts?|texted|texting|sent|sends|sending|told|tells|telling|thinks?|claims?|claimed|threatened|messaged|e-?mailed|whispered|shouted|screamed|yelled|muttered|answered|replied|posted|snarled|growled)|\b(?:message|text|e-?mail|letter|note|voicemail|caption|post|comment|tweet) (?:that )?(?:said|says|saying|reads?|reading)|\bi(?:'ve)? (?:got|received|have|keep getting)\b|\b(?:accused|accuses) me of saying|\b(?:afraid|scared|worried|terrified)(?: that)?|\bnightmares?(?: where| that)?)[^.!?\n]{0,60}(?:{at}[^.!?\n]{0,60})?$"
REPORTED_BEHIND = r"^[\"',.!? -]{0,5}(?:{name} |{at} |he |she |they |the \w{2,15} |my \w{2,15} )(?:\w{1,12}ly )?(?:said|says|wrote|texted|told|whispered|shouted|screamed|yelled|muttered|answered|replied|hissed|snarled|growled|thought)\b|^[\"',.!? -]{0,5}(?:said|says|wrote|whispered|shouted|screamed|muttered|answered|replied|hissed) (?:{name}|{at}|he|she|they|the)\b"
REQUESTED = r"\b(?:write|draft|compose|send|text|tell|post|message|e-?mail|sign|saying|rewrite|reword|phrase|translate|polish)\b[^.!?\n]{0,60}(?:{at}[^.!?\n]{0,60})?$"


def written(pattern: str) -> re.Pattern[str]:
    """Compile a pattern in which a blank is any blank or comma and F3 stands for at most three words."""
    named = pattern.replace("{name}", _NAME).replace("{at}", _AT)
    spelled = re.sub(r"F(\d)", r"(?:(?!(?:not|never)\\b)[\\w'-]{1,20}[\\s,]{1,3}){0,\1}?", named)
    outside = re.sub(r"(?<!\[) (?![^\[\]]*\])", r"[\\s,]{1,3}", spelled)
    return re.compile(outside, re.IGNORECASE)
