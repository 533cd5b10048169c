#!/usr/bin/env python3
"""What the recogniser makes of languages that it doesn't know, to see whether it can tell that they are not English.

    measure_language.py [--language NAME ...]        (with the python that has pocketsphinx)

Voices read the texts of `languages/`, each paragraph by itself. Clear voices and less clear ones read English and other
languages, so that what the language does is told from what the synthesiser does. For each piece: words a second of
sound, their mean posterior, their median one, and the share of words that are sure (0.9 and more). The last lines are
the least and the greatest mean posterior of English and of the rest.

Beside the engine's own programs it needs festival and voices of it:

    apt-get install festival festvox-czech-machac festvox-italp16k festvox-ru
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TEXTS = HERE / "languages"
# Which voices read the text of that name: (program, voice); festival's with the encoding that it reads.
VOICES = {
    "en": [
        ("flite", "rms"),
        ("flite", "awb"),
        ("flite", "slt"),
        ("flite", "kal16"),
        ("espeak-ng", "en-us"),
        ("espeak-ng", "en-gb"),
    ],
    "cs": [("festival", "czech_machac"), ("espeak-ng", "cs")],
    "de": [("espeak-ng", "de")],
    "es": [("espeak-ng", "es")],
    "fr": [("espeak-ng", "fr-fr")],
    "it": [("festival", "lp_diphone"), ("espeak-ng", "it")],
    "pt": [("espeak-ng", "pt-br")],
    "ru": [("festival", "msu_ru_nsh_clunits"), ("espeak-ng", "ru")],
}
ENCODINGS = {"czech_machac": "iso8859-2", "lp_diphone": "iso8859-1"}
SURE = 0.9


def heard(program, voice, text, scratch):
    """The recogniser's words of a text that a voice has read, and how many seconds of sound there were."""
    words, sound, samples = scratch / "text.txt", scratch / "sound.wav", scratch / "samples.s16le"
    words.write_text(text, encoding=ENCODINGS.get(voice, "utf-8"))
    read = {
        "flite": ["flite", "-voice", voice, "-f", words, "-o", sound],
        "espeak-ng": ["espeak-ng", "-v", voice, "-f", words, "-w", sound],
        "festival": ["text2wave", "-eval", f"(voice_{voice})", words, "-o", sound],
    }
    subprocess.run(read[program], check=True)
    convert = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", sound, "-ar", "16000", "-ac", "1", "-f", "s16le"]
    subprocess.run([*convert, samples], check=True)
    recognise = [sys.executable, HERE / "recognise.py", "--samples", samples]
    output = json.loads(subprocess.run(recognise, check=True, capture_output=True).stdout)
    tokens = [token for token in output["tokens"] if token["text"][0] not in "<[+"]
    return tokens, output["audio_duration_ms"] / 1_000


def main():
    parser = argparse.ArgumentParser(description="Measures the recogniser on languages that it doesn't know.")
    parser.add_argument("--language", action="append", choices=sorted(VOICES), help="only this one (default: all)")
    options = parser.parse_args()
    means = {True: [], False: []}
    with tempfile.TemporaryDirectory() as scratch:
        for language in options.language or VOICES:
            paragraphs = (TEXTS / f"{language}.txt").read_text(encoding="utf-8").split("\n\n")
            for program, voice in VOICES[language]:
                for number, text in enumerate(paragraphs, 1):
                    tokens, seconds = heard(program, voice, text.strip(), pathlib.Path(scratch))
                    posteriors = [min(1.0, token["posterior"]) for token in tokens]
                    mean = statistics.mean(posteriors)
                    means[language == "en"].append(mean)
                    print(
                        f"{language} {program:9} {voice:18} {number}  {len(tokens) / seconds:4.2f} words/s  "
                        f"posterior mean {mean:.3f}  median {statistics.median(posteriors):.3f}  "
                        f"sure {sum(p >= SURE for p in posteriors) / len(posteriors):5.1%}"
                    )
    for is_english, name in ((True, "English"), (False, "others")):
        found = means[is_english]
        if found:
            print(f"{name}: {len(found)} pieces, posterior mean {min(found):.3f} to {max(found):.3f}")


if __name__ == "__main__":
    main()
