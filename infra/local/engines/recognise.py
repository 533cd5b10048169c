#!/usr/bin/env python3
"""Speech to text with pocketsphinx and its own US English model.

Reads raw samples (16 kHz, mono, 16 bit little endian, no header) from a file, writes one JSON object to standard
output, and its progress to standard error:

    {"version": 1, "program": "pocketsphinx 5.1.1", "audio_duration_ms": 27060,
     "tokens": [{"text": "to(3)", "start_ms": 840, "end_ms": 950, "posterior": 0.81}, ...],
     "unknown_dictionary_words": ["x2y"]}

Tokens are the recogniser's own, fillers and pronunciation numbers included; the caller cleans them.

The samples are cut at pauses and the pieces recognised side by side. That bounds memory on long media, uses all
cores, and hears better than one long utterance, since the language model expects a sentence to begin after a pause.
The result does not depend on the number of workers: each piece is normalised by itself (cmn=batch).
"""

import argparse
import array
import importlib.metadata
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys

import pocketsphinx

OUTPUT_VERSION = 1
SAMPLE_RATE_HZ = 16_000
BYTES_PER_MS = SAMPLE_RATE_HZ * 2 // 1_000
# The frame of the voice activity detector, and so the grain of the cuts.
FRAME_MS = 30
FRAME_BYTES = FRAME_MS * BYTES_PER_MS
# The recogniser's own frame.
RECOGNISER_FRAME_MS = 10
# A pause that speakers make between sentences, hardly within one.
PAUSE_MS = 200
SHORTEST_PIECE_MS = 1_000
LONGEST_PIECE_MS = 20_000

# flite's phones that the acoustic model (CMU phones) calls otherwise.
FLITE_PHONES = {"ax": "AH", "axr": "ER", "ix": "IH", "el": "AH L", "em": "AH M", "en": "AH N"}
MODEL_PHONES = frozenset(
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH".split()
)
FLITE_TIMEOUT_S = 10

decoder = None


def pieces_of(samples):
    """Where to cut, as (start, end) in frames: in the middle of pauses, else where a long piece is quietest."""
    detector = pocketsphinx.Vad(pocketsphinx.Vad.STRICT, SAMPLE_RATE_HZ, FRAME_MS / 1_000)
    count = len(samples) // FRAME_BYTES
    speech = [detector.is_speech(cut_out(samples, i, i + 1)) for i in range(count)]
    cuts = [0]
    quiet_since = 0
    for i, spoken in enumerate(speech):
        if spoken:
            middle = (quiet_since + i) // 2
            long_enough = (i - quiet_since) * FRAME_MS >= PAUSE_MS
            if long_enough and (middle - cuts[-1]) * FRAME_MS >= SHORTEST_PIECE_MS:
                cuts.append(middle)
            quiet_since = i + 1
    cuts.append(count)

    pieces = []
    longest = LONGEST_PIECE_MS // FRAME_MS
    for start, end in zip(cuts, cuts[1:]):
        while end - start > longest:
            # In the second half, so that no piece gets short.
            cut = min(range(start + longest // 2, start + longest), key=lambda i: loudness(cut_out(samples, i, i + 1)))
            pieces.append((start, cut))
            start = cut
        # A piece without a voice (music, silence) would only be heard as words that nobody said.
        if any(speech[start:end]):
            pieces.append((start, end))
    return pieces


def cut_out(samples, start, end):
    """The samples of the frames from `start` to before `end`."""
    return samples[start * FRAME_BYTES : end * FRAME_BYTES]


def loudness(frame):
    """The loudness of a frame, in a unit of its own."""
    values = array.array("h")
    values.frombytes(frame)
    if sys.byteorder == "big":
        values.byteswap()
    return sum(abs(value) for value in values)


def pronunciation_of(word):
    """How a word of letters may be spoken, as phones of the model; None if flite can't say."""
    return phones_of(word) if word.replace("'", "").isalpha() else None


def phones_of(text):
    """How flite says a text, numbers written out, as phones of the model; None if it can't say."""
    flite = shutil.which("flite")
    if flite is None or not text.isascii():
        return None
    try:
        said = subprocess.run(
            [flite, "-ps", "-t", text + " ", "-o", "none"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=FLITE_TIMEOUT_S,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    phones = [FLITE_PHONES.get(phone, phone.upper()) for phone in said.split() if phone != "pau"]
    phones = " ".join(phones).split()
    return " ".join(phones) if phones and MODEL_PHONES.issuperset(phones) else None


def learn(target, dictionary):
    """The customer's words that the recogniser lacks, with their pronunciations, and those that have none."""
    additions, unknown = {}, []
    for phrase in dictionary:
        for word in phrase.lower().replace("-", " ").split():
            word = word.strip(".,;:!?\"()")
            if not word or word in additions or word in unknown or target.lookup_word(word) is not None:
                continue
            phones = pronunciation_of(word)
            if phones is None:
                unknown.append(word)
            else:
                additions[word] = phones
    return additions, unknown


def make_decoder():
    """The recogniser with its default model; its own log is left out."""
    return pocketsphinx.Decoder(samprate=SAMPLE_RATE_HZ, cmn="batch", loglevel="FATAL")


def begin_worker(additions):
    """Loads the model, once a worker."""
    global decoder
    decoder = make_decoder()
    for word, phones in additions.items():
        decoder.add_word(word, phones, True)


def recognise(piece):
    """What is heard in one piece: (offset in ms, samples) to tokens."""
    offset_ms, samples = piece
    # Without this the noise estimate of the piece before is carried over, and the result depends on the order.
    decoder.start_stream()
    decoder.start_utt()
    decoder.process_raw(samples, full_utt=True)
    decoder.end_utt()
    return [token(segment, offset_ms) for segment in (decoder.seg() or ())]


def token(segment, offset_ms):
    """A piece's segment as it is written out."""
    return {
        "text": segment.word,
        "start_ms": offset_ms + segment.start_frame * RECOGNISER_FRAME_MS,
        "end_ms": offset_ms + (segment.end_frame + 1) * RECOGNISER_FRAME_MS,
        "posterior": round(segment.prob, 4),
    }


def base_of(word):
    """A word of a segment without the number of its pronunciation: `to(3)` is `to`."""
    return re.sub(r"\(\d+\)$", "", word)


def side_by_side(work, pieces, workers, additions):
    """What `work` makes of each piece, in their order, in so many processes that know the words of `additions`."""
    workers = max(1, min(workers, len(pieces)))
    if workers == 1:
        begin_worker(additions)
        yield from map(work, pieces)
        return
    # spawn: workers hold no copy of each other's pipes, so they end by themselves when this process is killed.
    with multiprocessing.get_context("spawn").Pool(workers, begin_worker, (additions,)) as pool:
        yield from pool.imap(work, pieces)


def main():
    parser = argparse.ArgumentParser(description="Speech to text, US English; JSON on standard output.")
    parser.add_argument("--samples", required=True, help="raw samples: 16 kHz, mono, 16 bit little endian")
    parser.add_argument("--dictionary", help="a JSON list of words and phrases that are likely to be spoken")
    parser.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1), help="processes (default: cores)")
    options = parser.parse_args()

    with open(options.samples, "rb") as file:
        samples = file.read()
    dictionary = []
    if options.dictionary:
        with open(options.dictionary, encoding="utf-8") as file:
            dictionary = json.load(file)

    additions, unknown = learn(make_decoder(), dictionary) if dictionary else ({}, [])
    pieces = [(start * FRAME_MS, cut_out(samples, start, end)) for start, end in pieces_of(samples)]
    print(f"{len(samples) // BYTES_PER_MS} ms of sound in {len(pieces)} pieces", file=sys.stderr)

    tokens = []
    for done, heard in enumerate(side_by_side(recognise, pieces, options.workers, additions), 1):
        tokens += heard
        print(f"piece {done} of {len(pieces)}", file=sys.stderr)

    json.dump(
        {
            "version": OUTPUT_VERSION,
            "program": "pocketsphinx " + importlib.metadata.version("pocketsphinx"),
            "audio_duration_ms": len(samples) // BYTES_PER_MS,
            "tokens": tokens,
            "unknown_dictionary_words": unknown,
        },
        sys.stdout,
    )
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
