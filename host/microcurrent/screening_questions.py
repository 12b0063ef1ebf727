"""The questions asked before a first treatment, as data. Our words; each reason names what it rests on.

Sources: "NuFACE manual": the contraindications and warnings of a home device's manual (excerpt, domain survey 2.1);
"other makers": the same survey's excerpts of further devices; "IEC": placement warnings of IEC 60601-2-10, excerpt
(domain survey 3, L3); "ours": nobody prescribes it. Whoever answers yes to one of kind REFUSE is not treated at all;
one of kind ASK needs a professional's word first.
"""

from dataclasses import dataclass

REFUSE, ASK = "refuse", "ask"


@dataclass(frozen=True)
class Question:
    """id: its name in files and records, for good. why: one line. face_only: asked when a site is on the face."""

    id: str
    text: str
    kind: str
    why: str
    face_only: bool = False


QUESTIONS = (
    Question(
        "electronics",
        "Is there an electronic device in or on the body: a pacemaker, defibrillator, nerve stimulator, cochlear "
        "implant, insulin pump, glucose sensor, ECG monitor or the like?",
        REFUSE,
        "a current can disturb it, and what then happens is not ours to foresee (NuFACE manual; IEC)",
    ),
    Question(
        "seizures",
        "Was there ever an epileptic or other seizure, or is epilepsy suspected?",
        REFUSE,
        "stimulation near the head might trigger one (NuFACE manual)",
    ),
    Question(
        "cancer",
        "Is there a cancer, one treated within the last five years, or a mole or lump nobody has looked at yet?",
        REFUSE,
        "what a current does to growing tissue is not known (NuFACE manual; the five years: ours)",
    ),
    Question(
        "pregnancy",
        "Is there a pregnancy, or could there be one?",
        REFUSE,
        "nobody has shown that it is safe for the child (NuFACE manual)",
    ),
    Question(
        "heart",
        "Is there a disturbance of the heart's rhythm, or another disease of the heart?",
        ASK,
        "a current that strays across the chest could reach the heart (IEC)",
    ),
    Question(
        "surgery",
        "Was there an operation within the last six months, or one near the treated area that still heals?",
        ASK,
        "healing tissue should be left alone until its surgeon agrees (NuFACE manual; the six months: ours)",
    ),
    Question(
        "metal",
        "Is there metal under or on the skin of the treated area: plates, screws, piercings, permanent threads?",
        ASK,
        "metal gathers the current, so the skin over it gets more than the limits assume (ours)",
    ),
    Question(
        "skin",
        "Is the skin of the treated area broken, sunburnt, swollen, infected or inflamed?",
        ASK,
        "broken skin conducts far better and may be irritated further (NuFACE manual)",
    ),
    Question(
        "feeling",
        "Is feeling reduced in the treated area, for instance by nerve damage or a local anaesthetic?",
        ASK,
        "who cannot feel the current cannot report it, and thresholds mean nothing there (ours)",
    ),
    Question(
        "circulation",
        "Was there a stroke or a TIA, is the blood pressure unstable, or are there fainting fits?",
        ASK,
        "stimulation near the neck can change heart rate and pressure (NuFACE manual; IEC)",
    ),
    Question(
        "blood",
        "Is there a blood clot, an inflamed vein, haemophilia, or treatment with a blood thinner?",
        ASK,
        "pressing and gliding probes might loosen a clot or cause bleeding (other makers; the thinner: ours)",
    ),
    Question(
        "diabetes_muscles",
        "Is there advanced diabetes, or a disease of the muscles or of the nerves that move them?",
        ASK,
        "skin heals and feels less, or muscles answer otherwise than assumed (other makers)",
    ),
    Question(
        "minor",
        "Is the person who is treated under 18 years old?",
        ASK,
        "no device in our survey was meant for the young (NuFACE manual)",
    ),
    Question(
        "care",
        "Is the person under a doctor's care for something else, or taking part in a study?",
        ASK,
        "whoever treats a person should know what else is done (ours)",
    ),
    Question(
        "neck",
        "Is there a disease of the thyroid or of the neck's arteries, or was the neck operated on?",
        ASK,
        "the front of the neck holds the carotid sinus, and face sites are near it (NuFACE manual; IEC)",
        face_only=True,
    ),
    Question(
        "injectables",
        "Were fillers, botulinum toxin or other injectables given within the last two weeks?",
        ASK,
        "what was injected has not settled yet (other makers)",
        face_only=True,
    ),
    Question(
        "eyes",
        "Is there a disease of the eyes, or was there an operation or laser treatment of them within six months?",
        ASK,
        "eyes are near the face's sites and must be left out (IEC; the six months: ours)",
        face_only=True,
    ),
)
BY_ID = {question.id: question for question in QUESTIONS}
