#!/usr/bin/env python3
"""Reads the sample files with other people's readers and compares cue for cue.

Usage: check.py [DIR]    (default: ../tests/samples)

Each NAME.{srt,vtt,dfxp} stands beside NAME.EXT.expected.json: [{start_ms, end_ms, lines}]. Every reader must find
every cue with its times and its words. What a reader is known to do to text (entities left as they are, line ends
taken as blanks) is undone here, in the place where it is named. Exit status 1 if anything differs.
"""

import html
import json
import pathlib
import re
import sys
import tempfile
import warnings

import pycaption
import pysubs2
import ttconv.imsc.reader
import ttconv.model
import webvtt
import xml.etree.ElementTree as ElementTree


# pycaption reads DFXP with an HTML parser, on purpose.
warnings.filterwarnings("ignore", message=".*parsing XML.*|.*XML document.*")


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


def main(directory):
    failures = checked = 0
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
            differences = [pair for pair in zip(expected, found) if pair[0] != pair[1]]
            if differences or len(found) != len(expected):
                failures += 1
                print(f"{path.name}: {reader}: {len(found)} cues of {len(expected)}, {len(differences)} differ")
                for wanted, got in differences[:3]:
                    print(f"  expected {wanted}\n  found    {got}")
    print(f"{checked} readings, {failures} failures")
    return 1 if failures or not checked else 0


if __name__ == "__main__":
    default = pathlib.Path(__file__).resolve().parent.parent / "tests" / "samples"
    sys.exit(main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default))
