#!/usr/bin/env python3
"""Media with speech for a local run: a voice reads a text over a test picture.

    make_speech.py OUT_DIR [--text NAME ...]

Writes, for each text in `speech/`, `NAME.mp4` (H.264 and AAC, 640x360) and `NAME.json`, and prints the list of both
as JSON. Only flite and ffmpeg are used, python's own library apart:

    {"name": "river", "voice": "awb", "language": "English (American)", "media": "river.mp4", "duration_ms": 29960,
     "text": "Welcome back to ...",
     "sentences": [{"text": "Welcome back to the river project.", "start_ms": 500, "end_ms": 2040}, ...]}

Each sentence is spoken by itself, so its times are known exactly: from the first to the last sample that is not
silent. The same text gives the same files; a file that was made from the same text by the same program is kept.
"""

import argparse
import array
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import wave

HERE = pathlib.Path(__file__).resolve().parent
TEXTS = HERE / "speech"
# Which voice reads which text: those that the recogniser hears well. flite's others are `slt` and `kal`.
VOICES = {"river": "awb", "office": "rms", "bank": "kal16"}
LANGUAGE = "English (American)"
SAMPLE_RATE_HZ = 16_000
BEFORE_MS = 500
BETWEEN_MS = 450
AFTER_MS = 1_000
# A sample below this is silence: flite's voices are synthetic and have no noise of a room.
SILENCE = 200


def run(*command):
    """Runs a program; its failure ends this one with what it said."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        sys.exit(f"make_speech.py: `{command[0]}` is not installed (apt-packages.txt lists what is needed)")
    if done.returncode != 0:
        sys.exit(f"make_speech.py: `{' '.join(map(str, command))}` failed: {done.stderr.strip()[-2000:]}")


def sentences_of(text):
    """The sentences of a text, each on one line."""
    return re.findall(r"[^.?!]+[.?!]", " ".join(text.split()))


def speak(voice, sentence, directory):
    """The samples of a sentence, without the silence around it."""
    raw, file = directory / "raw.wav", directory / "sentence.wav"
    run("flite", "-voice", voice, "-t", sentence.strip(), "-o", raw)
    # Voices differ in sample rate.
    run("ffmpeg", "-nostdin", "-v", "error", "-y", "-bitexact", "-i", raw, "-ar", str(SAMPLE_RATE_HZ), "-ac", "1", file)
    with wave.open(str(file)) as sound:
        samples = array.array("h", sound.readframes(sound.getnframes()))
    loud = [index for index, value in enumerate(samples) if abs(value) >= SILENCE]
    return samples[loud[0] : loud[-1] + 1]


def silence(duration_ms):
    """Samples of silence."""
    return array.array("h", bytes(duration_ms * SAMPLE_RATE_HZ // 1_000 * 2))


def make(name, out_dir):
    """Makes the media and the description of one text, unless they are there; returns the description."""
    text = (TEXTS / f"{name}.txt").read_text(encoding="utf-8")
    voice = VOICES[name]
    made_from = hashlib.sha256(pathlib.Path(__file__).read_bytes() + text.encode()).hexdigest()
    media, description = out_dir / f"{name}.mp4", out_dir / f"{name}.json"
    if media.is_file() and description.is_file():
        known = json.loads(description.read_text(encoding="utf-8"))
        if known.get("made_from") == made_from:
            return known

    samples = silence(BEFORE_MS)
    sentences = []
    with tempfile.TemporaryDirectory(dir=out_dir) as scratch:
        scratch = pathlib.Path(scratch)
        for number, sentence in enumerate(sentences_of(text)):
            if number:
                samples += silence(BETWEEN_MS)
            start = len(samples)
            samples += speak(voice, sentence, scratch)
            sentences.append(
                {
                    "text": sentence.strip(),
                    "start_ms": start * 1_000 // SAMPLE_RATE_HZ,
                    "end_ms": len(samples) * 1_000 // SAMPLE_RATE_HZ,
                }
            )
        samples += silence(AFTER_MS)
        sound, film = scratch / "speech.wav", scratch / "film.mp4"
        with wave.open(str(sound), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE_HZ)
            file.writeframes(samples.tobytes())
        # One thread and bitexact, so that a text always gives the same bytes; a key frame every two seconds, so that
        # it can be cut into segments without encoding it again.
        # fmt: off
        run(
            "ffmpeg", "-nostdin", "-v", "error", "-y",
            "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25", "-i", sound,
            "-map", "0:v", "-map", "1:a", "-shortest",
            "-c:v", "libx264", "-threads", "1", "-preset", "veryfast", "-crf", "32", "-pix_fmt", "yuv420p",
            "-g", "50", "-keyint_min", "50", "-sc_threshold", "0",
            "-c:a", "aac", "-profile:a", "aac_low", "-b:a", "96k", "-ar", "44100",
            "-metadata:s:a:0", "language=eng", "-map_metadata", "-1", "-fflags", "+bitexact",
            "-flags:v", "+bitexact", "-flags:a", "+bitexact", "-movflags", "+faststart", film,
        )
        # fmt: on
        known = {
            "name": name,
            "voice": voice,
            "language": LANGUAGE,
            "media": media.name,
            "duration_ms": len(samples) * 1_000 // SAMPLE_RATE_HZ,
            "text": " ".join(sentence["text"] for sentence in sentences),
            "sentences": sentences,
            "made_from": made_from,
        }
        # The description last: it says that the media is complete.
        description.unlink(missing_ok=True)
        os.replace(film, media)
        draft = scratch / "description.json"
        draft.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
        os.replace(draft, description)
    return known


def main():
    parser = argparse.ArgumentParser(description="Media with speech for a local run.")
    parser.add_argument("out_dir", type=pathlib.Path, help="where to write; made if it is not there")
    parser.add_argument("--text", action="append", choices=sorted(VOICES), help="only this text (default: all)")
    options = parser.parse_args()
    options.out_dir.mkdir(parents=True, exist_ok=True)
    made = [make(name, options.out_dir) for name in options.text or VOICES]
    files = [
        {"media": str(options.out_dir / known["media"]), "description": str(options.out_dir / f"{known['name']}.json")}
        for known in made
    ]
    json.dump(files, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
