#!/usr/bin/env python3
"""When given words are spoken: forced alignment with pocketsphinx and its own US English model.

    align.py --samples FILE --pieces FILE [--workers N]

Samples are raw, as for recognise.py. The pieces are a JSON list: each a stretch of the sound and the words that are
spoken in it, lower case and without punctuation but for what changes how a word is said (`$5`, `it's`):

    [{"start_ms": 300, "end_ms": 4600, "words": ["good", "morning", "x2y"]}, ...]

One JSON object goes to standard output, progress to standard error. `pieces` has an entry for each piece, with one for
each word of it; null stands for a word that has no pronunciation, and for a whole piece that doesn't fit its words:

    {"version": 1, "program": "pocketsphinx 5.1.1",
     "pieces": [[{"start_ms": 530, "end_ms": 760, "posterior": 1.0}, ..., null], null]}

A word that the recogniser lacks, or that is a number, is pronounced as flite does.
"""

import argparse
import importlib.metadata
import json
import multiprocessing
import os
import sys

import recognise

OUTPUT_VERSION = 1


def pronunciations(words):
    """How flite says the words that the recogniser lacks; one that it can't say is left out."""
    known = recognise.make_decoder()
    missing = sorted({word for word in words if known.lookup_word(word) is None})
    said = ((word, recognise.phones_of(word)) for word in missing)
    return {word: phones for word, phones in said if phones}


def align(piece):
    """When the words of one piece are spoken: (offset in ms, samples, words) to a list, or None if they don't fit."""
    offset_ms, samples, words = piece
    decoder = recognise.decoder
    known = [decoder.lookup_word(word) is not None for word in words]
    said = [word for word, is_known in zip(words, known) if is_known]
    if not said:
        return None
    decoder.set_align_text(" ".join(said))
    decoder.start_stream()
    decoder.start_utt()
    decoder.process_raw(samples, full_utt=True)
    decoder.end_utt()
    # A hypothesis that ends within the words is one that ran out of sound.
    found = [segment for segment in (decoder.seg() or ()) if segment.word[0] not in "<[+" and segment.word != "(NULL)"]
    if [recognise.base_of(segment.word) for segment in found] != said:
        return None
    times = iter(found)
    return [recognise.token(next(times), offset_ms) if is_known else None for is_known in known]


def main():
    parser = argparse.ArgumentParser(description="Forced alignment, US English; JSON on standard output.")
    parser.add_argument("--samples", required=True, help="raw samples: 16 kHz, mono, 16 bit little endian")
    parser.add_argument("--pieces", required=True, help="a JSON list of start_ms, end_ms and words")
    parser.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1), help="processes (default: cores)")
    options = parser.parse_args()

    with open(options.samples, "rb") as file:
        samples = file.read()
    with open(options.pieces, encoding="utf-8") as file:
        wanted = json.load(file)
    additions = pronunciations(word for piece in wanted for word in piece["words"])
    pieces = [
        (
            piece["start_ms"],
            samples[piece["start_ms"] * recognise.BYTES_PER_MS : piece["end_ms"] * recognise.BYTES_PER_MS],
            piece["words"],
        )
        for piece in wanted
    ]
    aligned = []
    for done, times in enumerate(recognise.side_by_side(align, pieces, options.workers, additions), 1):
        aligned.append(times)
        print(f"piece {done} of {len(pieces)}", file=sys.stderr)

    json.dump(
        {
            "version": OUTPUT_VERSION,
            "program": "pocketsphinx " + importlib.metadata.version("pocketsphinx"),
            "pieces": [
                times and [time and {key: time[key] for key in ("start_ms", "end_ms", "posterior")} for time in times]
                for times in aligned
            ],
        },
        sys.stdout,
    )
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
