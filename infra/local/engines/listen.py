#!/usr/bin/env python3
"""Speech to text while somebody speaks: pocketsphinx on samples that come in by standard input.

Reads raw samples (16 kHz, mono, 16 bit little endian, no header) until they end, and writes one JSON object a line to
standard output, each as soon as it is known:

    {"version": 1, "program": "pocketsphinx 5.1.1", "unknown_dictionary_words": []}
    {"tokens": [{"text": "to(3)", "start_ms": 840, "end_ms": 950, "posterior": 0.81}, ...], "heard_until_ms": 2310}
    {"tokens": [], "heard_until_ms": 3300}

The first line comes once the model is loaded. Then a line for each utterance that has ended, with its final tokens
(the recogniser's own, fillers and pronunciation numbers included; the caller cleans them), and in silence a line each
second. Times count from the first sample. All sound before `heard_until_ms` has been recognised.

Samples are recognised as they come, so that little is left to do when an utterance ends. It ends at a pause, or where a
speaker makes none, after some seconds at the first quiet frame.
"""

import argparse
import importlib.metadata
import json
import sys

import pocketsphinx

from recognise import FRAME_BYTES, FRAME_MS, OUTPUT_VERSION, SAMPLE_RATE_HZ, learn, token

# As for recorded sound (recognise.py): a pause that speakers make between sentences, hardly within one.
PAUSE_FRAMES = 210 // FRAME_MS
SHORTEST_FRAMES = 1_000 // FRAME_MS
# From here on any quiet frame ends an utterance, and from there on the next frame does: viewers wait for it.
LONG_FRAMES = 7_000 // FRAME_MS
LONGEST_FRAMES = 10_000 // FRAME_MS
# What is kept of the silence before a voice, since its first sounds are soft.
BEFORE_FRAMES = 240 // FRAME_MS
# So many frames with a voice begin an utterance: a click is none.
VOICED_FRAMES = 3
TELL_EVERY_FRAMES = 990 // FRAME_MS


class Listener:
    """Cuts the sound into utterances, frame by frame."""

    def __init__(self, decoder, tell):
        self.decoder = decoder
        self.tell = tell
        self.detector = pocketsphinx.Vad(pocketsphinx.Vad.STRICT, SAMPLE_RATE_HZ, FRAME_MS / 1_000)
        self.count = 0
        self.waiting = []
        self.voiced = 0
        self.begin = None
        self.quiet = 0
        self.told = 0

    def frame(self, samples):
        """Takes the next frame of sound."""
        self.count += 1
        spoken = self.detector.is_speech(samples)
        if self.begin is None:
            self.waiting.append(samples)
            self.voiced = self.voiced + 1 if spoken else 0
            if self.voiced >= VOICED_FRAMES:
                self.start()
                return
            del self.waiting[: -BEFORE_FRAMES - self.voiced]
            if self.count - self.told >= TELL_EVERY_FRAMES:
                self.say([], self.count - len(self.waiting))
            return
        self.decoder.process_raw(samples)
        self.quiet = 0 if spoken else self.quiet + 1
        length = self.count - self.begin
        if (
            (self.quiet >= PAUSE_FRAMES and length >= SHORTEST_FRAMES)
            or (self.quiet and length >= LONG_FRAMES)
            or length >= LONGEST_FRAMES
        ):
            self.end()

    def start(self):
        """A voice: what was kept before it belongs to the utterance."""
        self.begin = self.count - len(self.waiting)
        self.quiet = 0
        self.decoder.start_utt()
        for samples in self.waiting:
            self.decoder.process_raw(samples)
        self.waiting = []

    def end(self):
        """The end of an utterance, if one goes on."""
        if self.begin is None:
            return
        self.decoder.end_utt()
        offset_ms = self.begin * FRAME_MS
        tokens = [token(segment, offset_ms) for segment in (self.decoder.seg() or ())]
        self.begin, self.voiced = None, 0
        self.say(tokens, self.count)

    def say(self, tokens, until):
        """Tells what is known up to a frame."""
        self.told = self.count
        self.tell({"tokens": tokens, "heard_until_ms": until * FRAME_MS})


def tell(line):
    """Writes a line out at once."""
    json.dump(line, sys.stdout)
    sys.stdout.write("\n")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description="Live speech to text, US English; JSON lines on standard output.")
    parser.add_argument("--dictionary", help="a JSON list of words and phrases that are likely to be spoken")
    options = parser.parse_args()
    dictionary = []
    if options.dictionary:
        with open(options.dictionary, encoding="utf-8") as file:
            dictionary = json.load(file)

    # `live`: the level of the voice is followed as it goes, since the utterance's own is not known before its end.
    decoder = pocketsphinx.Decoder(samprate=SAMPLE_RATE_HZ, cmn="live", loglevel="FATAL")
    additions, unknown = learn(decoder, dictionary)
    for word, phones in additions.items():
        decoder.add_word(word, phones, True)
    program = "pocketsphinx " + importlib.metadata.version("pocketsphinx")
    tell({"version": OUTPUT_VERSION, "program": program, "unknown_dictionary_words": unknown})

    listener = Listener(decoder, tell)
    sound = sys.stdin.buffer
    while len(samples := sound.read(FRAME_BYTES)) == FRAME_BYTES:
        listener.frame(samples)
    listener.end()
    listener.say([], listener.count)


if __name__ == "__main__":
    main()
