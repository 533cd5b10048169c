#!/usr/bin/env python3
"""Reads the sample files with other people's readers and compares cue for cue, and has their writers' files read by ours.

Usage: check.py [--ours PROGRAM] [DIR]    (default: ../tests/samples)

PROGRAM is `captions-bench`: with it, each file goes through each library, in and out, in every format that it writes, and
what our reader finds in that is compared as well.

Each NAME.{srt,vtt,dfxp} stands beside NAME.EXT.expected.json: [{start_ms, end_ms, lines}]. Every reader must find
every cue with its times and its words. What a reader is known to do to text (entities left as they are, line ends
taken as blanks) is undone here, in the place where it is named. Exit status 1 if anything differs.
"""

import argparse
import html
import io
import json
import logging
import pathlib
import re
import subprocess
import sys
import tempfile
import warnings

import pycaption
import pysubs2
import ttconv.imsc.reader
import ttconv.imsc.writer
import ttconv.model
import ttconv.srt.reader
import ttconv.srt.writer
import ttconv.vtt.reader
import ttconv.vtt.writer
import webvtt
import xml.etree.ElementTree as ElementTree


# pycaption reads DFXP with an HTML parser, on purpose.
warnings.filterwarnings("ignore", message=".*parsing an? XML.*|.*parsing XML.*|.*XML document.*")
# ttconv tells of each thing it merges.
logging.disable(logging.WARNING)


def words(text):
    """Text as its words: readers differ in what they make of line ends and blanks. Joiners and marks of direction
    that a reader may strip don't count."""
    return re.sub(r"[\u200b-\u200f\u2060]", "", text).split()


def with_pycaption(reader, file):
    captions = reader.read(file)
    (language,) = captions.get_languages()
    return [
        (round(caption.start / 1000), round(caption.end / 1000), words(caption.get_text()))
        for caption in captions.get_captions(language)
    ]


def with_pysubs2(file, name):
    subtitles = pysubs2.SSAFile.from_string(file, format_=name)
    # pysubs2 resolves no character references; WebVTT has them, SRT has none.
    undo = html.unescape if name == "vtt" else str
    return [(event.start, event.end, words(undo(event.plaintext))) for event in subtitles]


def with_webvtt(file, name):
    # webvtt-py resolves no character references; WebVTT has them, SRT has none.
    undo = html.unescape if name == "vtt" else str
    with tempfile.NamedTemporaryFile("w", suffix="." + name, encoding="utf-8") as copy:
        copy.write(file)
        copy.flush()
        captions = webvtt.read(copy.name) if name == "vtt" else webvtt.from_srt(copy.name)
    return [
        (caption.start_time.in_milliseconds(), caption.end_time.in_milliseconds(), words(undo(caption.text)))
        for caption in captions
    ]


def with_ttconv(file):
    document = ttconv.imsc.reader.to_model(ElementTree.ElementTree(ElementTree.fromstring(file)))
    found = []
    for element in document.get_body().dfs_iterator():
        if isinstance(element, ttconv.model.P):
            texts = [
                node.get_text() if isinstance(node, ttconv.model.Text) else "\n"
                for node in element.dfs_iterator()
                if isinstance(node, (ttconv.model.Text, ttconv.model.Br))
            ]
            found.append((int((element.get_begin() or 0) * 1000), int(element.get_end() * 1000), words("".join(texts))))
    return found


READERS = {
    "srt": {
        "pycaption": lambda file: with_pycaption(pycaption.SRTReader(), file),
        "pysubs2": lambda file: with_pysubs2(file, "srt"),
        "webvtt-py": lambda file: with_webvtt(file, "srt"),
    },
    "vtt": {
        "pycaption": lambda file: with_pycaption(pycaption.WebVTTReader(), file),
        "pysubs2": lambda file: with_pysubs2(file, "vtt"),
        "webvtt-py": lambda file: with_webvtt(file, "vtt"),
    },
    "dfxp": {
        "pycaption": lambda file: with_pycaption(pycaption.DFXPReader(), file),
        "ttconv": with_ttconv,
    },
}


def through_pycaption(file, name):
    reader = {"srt": pycaption.SRTReader, "vtt": pycaption.WebVTTReader, "dfxp": pycaption.DFXPReader}[name]()
    captions = reader.read(file)
    writers = {"srt": pycaption.SRTWriter, "vtt": pycaption.WebVTTWriter, "dfxp": pycaption.DFXPWriter}
    return {extension: writer().write(captions) for extension, writer in writers.items()}


def through_ttconv(file, name):
    if name == "dfxp":
        model = ttconv.imsc.reader.to_model(ElementTree.ElementTree(ElementTree.fromstring(file)))
    else:
        model = {"srt": ttconv.srt, "vtt": ttconv.vtt}[name].reader.to_model(io.StringIO(file))
    tree = ttconv.imsc.writer.from_model(model)
    return {
        "srt": ttconv.srt.writer.from_model(model),
        "vtt": ttconv.vtt.writer.from_model(model),
        "dfxp": ElementTree.tostring(tree.getroot(), encoding="unicode"),
    }


def through_pysubs2(file, name):
    subtitles = pysubs2.SSAFile.from_string(file, format_=name)
    return {extension: subtitles.to_string(extension) for extension in ("srt", "vtt")}


def through_webvtt(file, name):
    with tempfile.NamedTemporaryFile("w", suffix="." + name, encoding="utf-8") as copy:
        copy.write(file)
        copy.flush()
        captions = webvtt.read(copy.name) if name == "vtt" else webvtt.from_srt(copy.name)
    made = {}
    for extension in ("srt", "vtt"):
        text = io.StringIO()
        captions.write(text, format=extension)
        made[extension] = text.getvalue()
    return made


# What is in here is lost by the libraries' own writers: pycaption's clock begins anew after 24 hours, ttconv cuts cues where
# they overlap, and none of them escapes text that looks like markup.
ONE_WAY = {"stumbling-blocks"}

LIBRARIES = {
    "pycaption": (through_pycaption, ("srt", "vtt", "dfxp")),
    "ttconv": (through_ttconv, ("srt", "vtt", "dfxp")),
    "pysubs2": (through_pysubs2, ("srt", "vtt")),
    "webvtt-py": (through_webvtt, ("srt", "vtt")),
}


def compare(name, reader, expected, found):
    """Whether the cues differ, which is told."""
    differences = [pair for pair in zip(expected, found) if pair[0] != pair[1]]
    if not differences and len(found) == len(expected):
        return False
    print(f"{name}: {reader}: {len(found)} cues of {len(expected)}, {len(differences)} differ")
    for wanted, got in differences[:3]:
        print(f"  expected {wanted}\n  found    {got}")
    return True


def read_by_ours(program, file, name):
    with tempfile.NamedTemporaryFile("w", suffix="." + name, encoding="utf-8") as copy:
        copy.write(file)
        copy.flush()
        made = subprocess.run([program, "read", copy.name], check=True, capture_output=True).stdout
    (cues,) = json.loads(made)
    return [(cue["start_ms"], cue["end_ms"], words(" ".join(cue["lines"]))) for cue in cues]


def main(directory, ours):
    failures = checked = trips = 0
    for path in sorted(directory.iterdir()):
        expected_path = path.with_name(path.name + ".expected.json")
        if not expected_path.exists():
            continue
        expected = [
            (cue["start_ms"], cue["end_ms"], words(" ".join(cue["lines"]))) for cue in json.loads(expected_path.read_text())
        ]
        file = path.read_text(encoding="utf-8")
        for reader, read in READERS[path.suffix[1:]].items():
            checked += 1
            try:
                found = read(file)
            except Exception as error:  # any reader's own error is a finding
                print(f"{path.name}: {reader}: {type(error).__name__}: {error}")
                failures += 1
                continue
            failures += compare(path.name, reader, expected, found)
        if not ours or path.stem in ONE_WAY:
            continue
        for library, (through, formats) in LIBRARIES.items():
            if path.suffix[1:] not in formats:
                continue
            for extension, made in through(file, path.suffix[1:]).items():
                trips += 1
                found = read_by_ours(ours, made, extension)
                if path.suffix == ".vtt" and extension == "srt" and library in ("pysubs2", "webvtt-py"):
                    # They leave WebVTT's character references as they are, and SRT has none.
                    found = [(start, end, [html.unescape(word) for word in text]) for start, end, text in found]
                failures += compare(path.name, f"{library} to {extension} to ours", expected, found)
    print(f"{checked} readings, {trips} round trips, {failures} failures")
    return 1 if failures or not checked or ours and not trips else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", nargs="?", type=pathlib.Path)
    parser.add_argument("--ours")
    arguments = parser.parse_args()
    default = pathlib.Path(__file__).resolve().parent.parent / "tests" / "samples"
    sys.exit(main(arguments.directory or default, arguments.ours))
