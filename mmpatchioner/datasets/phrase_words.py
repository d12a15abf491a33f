"""Closed lists of English words by which captions are cut into noun phrases."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Determiners and number words: they open a phrase.
DETERMINERS = _words("""
    a an the his her its their my your our this that these those some another two three four
    five six seven eight nine ten several many few one both each every other
""")

# Prepositions, conjunctions, pronouns, auxiliaries, adverbs: they end a phrase and belong to none.
STOP_WORDS = _words("""
    in on at by with from to into onto over under behind beside besides near next through across
    along around against between among above below beneath inside outside off out up down toward
    towards past during while as like for after before about without within upon beyond
    underneath atop amongst amidst alongside per via than but or nor so because if when where
    who whom whose which what that 's is are was were be been being am has have had having do
    does did done doing can could will would may might must should he she it they him them
    himself herself itself themselves we us you i me there here not no very just also too then
    away back together apart forward ahead else only still already almost each nearby aloft
    upside ready how both and
""")

# Verbs of captions, inflected: they end a phrase unless a determiner stands before ("a run").
VERBS = _words("""
    sit sits sat stand stands stood run runs ran jump jumps jumped play plays played walk walks
    walked ride rides rode hold holds held look looks looked wear wears wore climb climbs
    climbed throw throws threw catch catches caught carry carries carried watch watches pose
    poses posed smile smiles lay lays lie lies lean leans leaned eat eats ate drink drinks swim
    swims swam fly flies flew hang hangs hung perform performs performed swing swings slide
    slides slid chase chases chased fight fights pull pulls push pushes hit hits kick kicks make
    makes made take takes took get gets got go goes went come comes give gives put puts try
    tries tried use uses used work works talk talks laugh laughs dance dances sing sings read
    reads write writes leap leaps leaped dive dives splash splashes cross crosses travel travels
    enjoy enjoys show shows shown point points reach reaches rest rests sleep sleeps wait waits
    turn turns move moves follow follows race races wade wades crawl crawls drive drives paddle
    paddles kneel kneels crouch crouches gather gathers stare stares gaze gazes appear appears
    seem seems prepare prepares attempt attempts begin begins bite bites lick licks sniff sniffs
    balance balances skate skates ski skis surf surfs hike hikes jog jogs pass passes fall falls
    bend bends grab grabs lift lifts drop drops raise raises tackle tackles tosses toss spray
    sprays blow blows kiss kisses hug hugs cook cooks cut cuts feed feeds help helps dig digs
    shake shakes fetch fetches retrieve retrieves return returns approach approaches touch
    touches let lets keep keeps participate participates compete competes practice practices
    cheer cheers celebrate celebrates wrestle wrestles bark barks say says seen surrounded
    dressed covered seated filled taken parked located attached wearing containing featuring
""")

# Words in -ing that are nouns or part of one.
ING_NOUNS = _words("""
    building buildings clothing railing railings wedding ceiling ring rings string spring wing
    wings king evening morning crossing painting paintings thing things something anything
    nothing everything swing fencing lightning earring earrings sling duckling sibling siblings
    flooring siding awning awnings paneling opening landing parking meeting offering covering
    lettering writing drawing drawings dining wrestling boxing bowling bathing swimming sing
    bing viking scaffolding frosting icing dressing topping pudding dumpling bedding lining
""")

# Words that keep a following "of" inside the phrase ("a group of people").
OF_HEADS = _words("""
    set group pair couple body bunch crowd piece pieces row rows line pile cup glass bottle
    patch field bag stack team flock herd plate bowl bouquet ball box slice variety lots lot
    number array collection trio load basket pool stream puddle stretch wall flight
""")

# Colours, which "and" may join inside a phrase ("a black and white dog").
COLOURS = _words("""
    black white brown red blue green yellow orange pink purple gray grey tan blond blonde golden
    dark light gold silver beige maroon striped
""")

# Heads that name no visible thing ("the front", "a picture"): such phrases are left out.
ABSTRACT_NOUNS = _words("""
    front top side air middle background foreground distance way back left right end edge day
    picture camera photo image time others turn part order trick tricks position pose action
    direction place bottom fun center midair mid-air s t rest corner night view one ones lot
    something someone it
""")
