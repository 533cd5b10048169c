"""Reads texts aloud with espeak-ng and writes down when each word was said: the words that the benchmark lays out.

    speak.py [TEXT ...]

For each NAME.LANGUAGE.txt (default: those of this folder and of shared/captions/tests/speech) and each pace, a file
words/NAME-PACE.LANGUAGE.tsv: start and end in milliseconds, and the word. Times come from the synthesiser's own events: its
durations by phoneme, its pauses by clause. Nothing of ours decides them, and they are the same whenever it is run. The pace is
that of the whole, pauses included, in words a minute; the speed of the voice is looked for that gives it.
"""

import ctypes
import pathlib
import re
import sys

HOME = pathlib.Path(__file__).resolve().parent
SPEECH = HOME.parents[2] / "shared" / "captions" / "tests" / "speech"
PACES = (120, 140, 155)
# Faster than the goals speak of; in English, to show what happens then.
FAST = 180
VOICES = {"en": b"en-us", "es": b"es", "fr": b"fr", "de": b"de"}
SAMPLE_MS = 10

AUDIO_OUTPUT_SYNCHRONOUS = 2
PHONEME_EVENTS = 1
CHARS_UTF8 = 1
RATE = 1
EVENT_END_OF_LIST, EVENT_WORD, EVENT_SENTENCE, EVENT_PHONEME = 0, 1, 2, 7
BYTES = 8


class Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * BYTES)]


class Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", Id),
    ]


CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))


class Voice:
    def __init__(self):
        self.library = ctypes.CDLL("libespeak-ng.so.1")
        if self.library.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, None, PHONEME_EVENTS) < 0:
            sys.exit("speak.py: espeak-ng has no data")
        self.events = []
        self.callback = CALLBACK(self.take)
        self.library.espeak_SetSynthCallback(self.callback)

    def take(self, _samples, _count, events):
        at = 0
        while events[at].type != EVENT_END_OF_LIST:
            event = events[at]
            name = event.id.string if event.type == EVENT_PHONEME else b""
            self.events.append((event.type, event.audio_position, event.text_position, name))
            at += 1
        return 0

    def words(self, text, language, rate):
        """(start_ms, end_ms, word) for each word of `text`, split at blanks."""
        self.events.clear()
        if self.library.espeak_SetVoiceByName(VOICES[language]) != 0:
            sys.exit(f"speak.py: no voice for {language}")
        self.library.espeak_SetParameter(RATE, rate, 0)
        data = text.encode()
        self.library.espeak_Synth(data, len(data) + 1, 0, 1, 0, CHARS_UTF8, None, None)
        self.library.espeak_Synchronize()
        spans = [(match.start(), match.end()) for match in re.finditer(r"\S+", text)]
        starts, ends = {}, {}
        word = None
        for kind, at_ms, position, name in self.events:
            if kind == EVENT_WORD:
                place = next((n for n, (begin, end) in enumerate(spans) if begin <= position - 1 < end), None)
                if place is not None:
                    word = place
                    starts.setdefault(word, at_ms)
            elif kind == EVENT_PHONEME and word is not None:
                # A pause, or the next sound: either ends the one before.
                if name.startswith(b"_") or not name:
                    ends.setdefault((word, "pause"), at_ms)
                else:
                    ends.pop((word, "pause"), None)
        found = []
        for place, (begin, end) in enumerate(spans):
            if place not in starts:
                # A word that the voice takes together with the one before (a title, a dash).
                starts[place] = found[-1][1] if found else 0
            later = [starts[n] for n in range(place + 1, len(spans)) if n in starts]
            next_ms = later[0] if later else self.events[-1][1]
            end_ms = min(ends.get((place, "pause"), next_ms), next_ms)
            found.append((starts[place], max(end_ms, starts[place]), text[begin:end]))
        return found


def pace(words):
    return len(words) * 60_000 / words[-1][1]


def main(paths):
    voice = Voice()
    folder = HOME / "words"
    folder.mkdir(exist_ok=True)
    for path in paths:
        name, _, language = path.stem.rpartition(".")
        name, language = (name, language) if name else ("lecture" if path.stem in VOICES else path.stem, path.stem)
        language = language if language in VOICES else "en"
        # Speakers and sounds are marks of the tests, not words.
        text = re.sub(r"\{\w+\} ?|\*\w+\* ?", "", path.read_text(encoding="utf-8"))
        text = " ".join(text.split())
        for wanted in (*PACES, FAST) if language == "en" else PACES:
            low, high = 60, 400
            while low < high:
                rate = (low + high + 1) // 2
                if pace(voice.words(text, language, rate)) <= wanted:
                    low = rate
                else:
                    high = rate - 1
            words = voice.words(text, language, low)
            rows = "".join(f"{start}\t{end}\t{word}\n" for start, end, word in words)
            (folder / f"{name}-{wanted}.{language}.tsv").write_text(rows, encoding="utf-8")
            print(f"{name} {language}: {len(words)} words, {pace(words):.1f} a minute at rate {low}")


if __name__ == "__main__":
    main([pathlib.Path(name) for name in sys.argv[1:]] or sorted([*(HOME / "speech").glob("*.txt"), *SPEECH.glob("*.txt")]))
