"""Lists of words that may be exchanged in test texts: names, pronouns, other gendered words, spellings, words of dialects.

Each pair has a word of the first side and one of the second. A third entry `before_noun` is explained in `swaps`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

Pair: TypeAlias = tuple[str, str] | tuple[str, str, Literal["before_noun"]]


def _pair(text: str) -> tuple[Pair, ...]:
    return tuple((first, second) for first, second in (words.split("/") for words in text.split()))


SHIPPED: Mapping[str, tuple[Pair, ...]] = {
    # Names that people in the United States take for those of white or of Black Americans: Bertrand & Mullainathan (2004),
    # Are Emily and Greg more employable than Lakisha and Jamal?, AER 94(4), table 8; without names that are words, too.
    "names": _pair(
        "Emily/Lakisha Anne/Aisha Jill/Keisha Allison/Tamika Laurie/Tanisha Sarah/Latoya Meredith/Latonya Todd/Rasheed "
        "Neil/Tremayne Geoffrey/Kareem Brett/Darnell Brendan/Tyrone Greg/Hakim Matthew/Jamal Brad/Jermaine"
    ),
    # The most frequent names of men and women in the United States over the last hundred years (Social Security
    # Administration), without those that are words, too.
    "gender_names": _pair(
        "James/Mary Michael/Patricia Robert/Jennifer John/Linda David/Elizabeth William/Barbara Richard/Susan "
        "Joseph/Jessica Thomas/Karen Charles/Nancy Christopher/Lisa Daniel/Margaret Anthony/Sandra Steven/Ashley "
        "Paul/Kimberly Andrew/Donna Kenneth/Michelle George/Carol Kevin/Amanda Brian/Melissa"
    ),
    "pronouns": (
        ("he", "she"),
        ("him", "her"),
        ("his", "her", "before_noun"),
        ("his", "hers"),
        ("himself", "herself"),
    ),
    # Words that come in two genders, as in counterfactual data augmentation: Zhao et al. (2018), Gender bias in coreference
    # resolution: evaluation and debiasing methods, NAACL.
    "gender_words": _pair(
        "man/woman men/women boy/girl boys/girls father/mother fathers/mothers dad/mom son/daughter sons/daughters "
        "brother/sister brothers/sisters husband/wife husbands/wives uncle/aunt nephew/niece grandfather/grandmother "
        "actor/actress actors/actresses king/queen kings/queens prince/princess hero/heroine heroes/heroines "
        "waiter/waitress gentleman/lady gentlemen/ladies boyfriend/girlfriend male/female males/females guy/gal guys/gals "
        "widower/widow groom/bride policeman/policewoman businessman/businesswoman"
    ),
    # American against British spelling.
    "spellings": _pair(
        "color/colour colors/colours colorful/colourful favorite/favourite favorites/favourites favor/favour humor/humour "
        "honor/honour labor/labour neighbor/neighbour neighbors/neighbours neighborhood/neighbourhood "
        "behavior/behaviour flavor/flavour rumor/rumour harbor/harbour center/centre centers/centres centered/centred "
        "theater/theatre theaters/theatres meter/metre liter/litre fiber/fibre realize/realise realized/realised "
        "realizes/realises realizing/realising recognize/recognise recognized/recognised organize/organise "
        "organized/organised apologize/apologise analyze/analyse defense/defence offense/offence gray/grey "
        "traveling/travelling traveled/travelled canceled/cancelled jewelry/jewellery pajamas/pyjamas skeptical/sceptical "
        "mustache/moustache cozy/cosy plow/plough aging/ageing tumor/tumour tumors/tumours anemia/anaemia "
        "edema/oedema hemorrhage/haemorrhage pediatric/paediatric leukemia/leukaemia diarrhea/diarrhoea esophagus/oesophagus"
    ),
    # American against British words for one thing; those with another common meaning (lift, flat, film) are left out.
    "dialect": _pair(
        "mom/mum moms/mums truck/lorry trucks/lorries garbage/rubbish sidewalk/pavement cookie/biscuit cookies/biscuits "
        "candy/sweets diaper/nappy diapers/nappies gasoline/petrol highway/motorway attorney/solicitor attorneys/solicitors "
        "guy/bloke guys/blokes mailman/postman math/maths airplane/aeroplane airplanes/aeroplanes ass/arse asshole/arsehole "
        "eggplant/aubergine zucchini/courgette stroller/pram"
    ),
}
"""Lists that come with the package, by name. An option ``swaps: {names: shipped}`` takes one."""
