#!/usr/bin/env python3
"""How well and how fast the recogniser hears the media that make_speech.py made.

    measure.py MEDIA_DIR [--live]        (with the python that has pocketsphinx)

For each media file: word error rate against the spoken text, real-time factor (seconds of work per second of sound,
model loading included), and how far the first and last word of a sentence are from where the sentence's sound begins
and ends (median, in ms; negative is early). With --live, what listen.py hears, given all sound at once: its factor is the
share of a core that a stream takes.
"""

import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent


def words_of(text):
    """The words of a text, without case and punctuation."""
    return re.findall(r"[a-z']+", text.lower())


def errors_between(spoken, heard):
    """The least number of words to change, leave out or add."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(spoken, 1):
        before, row = row, [i]
        for j, other in enumerate(heard, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (word != other)))
    return row[-1]


def heard_live(samples):
    """What listen.py tells, in the shape of recognise.py's output."""
    with open(samples, "rb") as sound:
        program = [sys.executable, HERE / "listen.py"]
        lines = subprocess.run(program, check=True, stdin=sound, capture_output=True, text=True).stdout.splitlines()
    told = [json.loads(line) for line in lines[1:]]
    tokens = [token for line in told for token in line["tokens"]]
    return {"tokens": tokens, "audio_duration_ms": told[-1]["heard_until_ms"]}


def measure(description, live):
    """The measurements of one media file."""
    known = json.loads(description.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as scratch:
        samples = pathlib.Path(scratch) / "samples.s16le"
        media = description.with_name(known["media"])
        convert = ["ffmpeg", "-nostdin", "-v", "error", "-i", media, "-map", "0:a:0"]
        convert += ["-af", "aresample=16000:async=1:first_pts=0", "-ac", "1", "-f", "s16le", samples]
        subprocess.run(convert, check=True)
        begun = time.monotonic()
        if live:
            output = heard_live(samples)
        else:
            program = [sys.executable, HERE / "recognise.py", "--samples", samples]
            output = json.loads(subprocess.run(program, check=True, capture_output=True).stdout)
        seconds = time.monotonic() - begun
    tokens = [token for token in output["tokens"] if token["text"][0] not in "<["]
    spoken = words_of(known["text"])
    errors = errors_between(spoken, [re.sub(r"\(\d+\)$", "", token["text"]) for token in tokens])
    onsets, ends = [], []
    for sentence in known["sentences"]:
        within = [t for t in tokens if sentence["start_ms"] - 300 < t["start_ms"] < sentence["end_ms"]]
        if within:
            onsets.append(within[0]["start_ms"] - sentence["start_ms"])
            ends.append(within[-1]["end_ms"] - sentence["end_ms"])
    return known, len(spoken), errors, seconds / (output["audio_duration_ms"] / 1_000), onsets, ends


def main():
    parser = argparse.ArgumentParser(description="Measures the recogniser on the media of make_speech.py.")
    parser.add_argument("media_dir", type=pathlib.Path)
    parser.add_argument("--live", action="store_true", help="measure listen.py")
    options = parser.parse_args()
    total_words = total_errors = 0
    for description in sorted(options.media_dir.glob("*.json")):
        known, words, errors, factor, onsets, ends = measure(description, options.live)
        total_words += words
        total_errors += errors
        print(
            f"{known['name']:8} voice {known['voice']:6} {words:4} words  WER {errors / words:6.1%}  "
            f"real-time factor {factor:.2f}  onset {statistics.median(onsets):+.0f} ms  "
            f"end {statistics.median(ends):+.0f} ms"
        )
    if total_words == 0:
        sys.exit(f"measure.py: no media in {options.media_dir}, expected NAME.json and NAME.mp4 of make_speech.py")
    print(f"all {total_words} words: WER {total_errors / total_words:.1%}")


if __name__ == "__main__":
    main()
