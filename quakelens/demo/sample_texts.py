"""What people write in the drawn sample. Every text names an earthquake and says that it is drawn."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A place that a post can be tagged with; `box` is west, south, east, north in degrees."""

    id: str
    name: str
    country: str
    box: tuple[float, float, float, float]


NEAR = (
    Place("5a1e000000000001", "Lixouri, Greece", "GR", (20.40, 38.18, 20.46, 38.22)),
    Place("5a1e000000000002", "Argostoli, Greece", "GR", (20.46, 38.16, 20.51, 38.20)),
    Place("5a1e000000000003", "Sami, Greece", "GR", (20.62, 38.23, 20.67, 38.26)),
    Place("5a1e000000000004", "Ithaki, Greece", "GR", (20.60, 38.31, 20.76, 38.50)),
    Place("5a1e000000000005", "Zakynthos, Greece", "GR", (20.87, 37.76, 20.93, 37.81)),
    Place("5a1e000000000006", "Lefkada, Greece", "GR", (20.68, 38.81, 20.73, 38.85)),
    Place("5a1e000000000007", "Patra, Greece", "GR", (21.70, 38.20, 21.80, 38.29)),
)
FAR = (
    Place("5a1e000000000008", "Athens, Greece", "GR", (23.68, 37.94, 23.79, 38.03)),
    Place("5a1e000000000009", "Lecce, Puglia", "IT", (18.13, 40.32, 18.22, 40.39)),
    Place("5a1e00000000000a", "İzmir, Türkiye", "TR", (27.00, 38.35, 27.25, 38.48)),
)

DAMAGE = {
    "en": (
        "Earthquake: a wall of our street came down in {town}",
        "This is what the earthquake left near the port of {town}",
        "Building collapsed after the earthquake in {town}, people are helping",
    ),
    "el": (
        "Μεγάλος σεισμός, έπεσε το σπίτι απέναντι, {town}",
        "Σεισμός 6,4: ζημιές στο κέντρο, {town}",
        "Ο σεισμός γκρέμισε τοίχους στη γειτονιά μας, {town}",
    ),
    "it": (
        "Terremoto a {town}: crollo in centro, tutti in strada",
        "Dopo il terremoto la facciata non c'è più, {town}",
    ),
    "tr": ("Deprem sonrası {town}, bina çöktü, enkaz yolda", "{town} deprem: duvarlar yıkıldı"),
    "es": (
        "Terremoto en {town}: un edificio dañado junto al puerto",
        "Así quedó la calle tras el sismo en {town}",
    ),
    "fr": ("Séisme à {town} : la façade est tombée", "Tremblement de terre, des gravats partout à {town}"),
    "sq": ("Tërmet në {town}, u shemb një mur",),
}
"""Texts of posts with a picture of damage, by language."""

CALM = {
    "en": (
        "Felt the earthquake in {town}, everything fine here",
        "Earthquake woke us up, we wait outside in {town}",
        "Earthquake map and facts for {town}",
        "My cat knew about the earthquake first",
    ),
    "el": (
        "Σεισμός τώρα, κουνηθήκαμε πολύ, {town}",
        "Δυνατός σεισμός, όλοι καλά, {town}",
        "Σεισμός: πού ήταν το επίκεντρο; {town}",
    ),
    "it": ("Terremoto sentito anche a {town}", "Scossa di terremoto, stiamo bene, {town}"),
    "tr": ("Deprem mi oldu? {town} sallandı", "Geçmiş olsun {town}, deprem çok uzun sürdü"),
    "es": ("¿Alguien más sintió el terremoto en {town}?", "Sismo fuerte, estamos bien en {town}"),
    "pt": ("Terremoto sentido em {town}, tudo bem",),
    "ja": ("{town}で地震、大丈夫です",),
}
"""Texts of all other posts, by language."""

BEFORE = (
    ("el", "Ο σεισμός πέρυσι: έτσι έμεινε ο δρόμος μας"),
    ("en", "Remembering last year's earthquake, this was our building"),
)
"""Texts of the posts that first carried the recycled picture, before the live earthquake."""

CLAIM = (
    ("en", "Earthquake in {town} minutes ago! Look at this"),
    ("tr", "Az önce {town} deprem! Görüntüler korkunç"),
    ("it", "Terremoto adesso a {town}, guardate"),
)
"""Texts of the posts that pass the recycled picture off as the live earthquake's."""

MARK = "drawn sample"
