"""The formatting code of other people's programs, on words that are given: SRT for each.

openai-whisper, whisperX and stable-ts import their speech recognisers with them. Those are gigabytes and never called here, so
the modules of that name are empty; the modules that make captions are the packages' own, unchanged.
"""

import importlib.util
import io
import pathlib
import sys
import tempfile
import types

LINE, LINES = 42, 2
ABBREVIATIONS = {"Mr.", "Mrs.", "Dr."}


def empty(name, **members):
    module = types.ModuleType(name)
    vars(module).update(members)
    sys.modules[name] = module
    return module


def package(name):
    """The package without what its __init__ imports: its modules can be imported."""
    found = importlib.util.find_spec(name)
    empty(name, __path__=list(found.submodule_search_locations), __spec__=found)


class Nothing:
    """Stands for a type that is only named in annotations."""


package("whisper")
package("stable_whisper")
torch = empty("torch", Tensor=Nothing, device=Nothing)
torch.nn = empty("torch.nn")
torch.nn.functional = empty("torch.nn.functional")
empty("stable_whisper.whisper_compatibility", TOKENS_PER_SECOND=50, N_SAMPLES_PER_TOKEN=320, SAMPLE_RATE=16_000)
empty("stable_whisper.audio", __path__=[])
empty("stable_whisper.audio.utils", audio_to_tensor_resample=None)
empty(
    "stable_whisper.stabilization",
    __path__=[str(pathlib.Path(sys.modules["stable_whisper"].__path__[0]) / "stabilization")],
    suppress_silence=None,
    get_vad_silence_func=None,
    VAD_SAMPLE_RATES=(),
)

import stable_whisper.result  # noqa: E402
import whisper.utils  # noqa: E402
import whisperx.SubtitlesProcessor  # noqa: E402
import whisperx.utils  # noqa: E402


def segments(words, blank):
    """Sentences, as the recogniser's segments mostly are. `blank` is what a word begins with: whisper's own words begin with
    one, whisperX's don't."""
    found, sentence = [], []
    for place, (start_ms, end_ms, text) in enumerate(words):
        sentence.append({"word": blank + text, "start": start_ms / 1000, "end": end_ms / 1000, "probability": 1.0})
        ends = text.rstrip("\"'”»)").endswith((".", "?", "!")) and text not in ABBREVIATIONS
        if ends or place == len(words) - 1:
            joined = "".join(word["word"] for word in sentence) if blank else " ".join(word["word"] for word in sentence)
            found.append({
                "id": len(found), "seek": 0, "start": sentence[0]["start"], "end": sentence[-1]["end"], "text": joined,
                "words": sentence, "tokens": [], "temperature": 0.0, "avg_logprob": 0.0, "compression_ratio": 1.0,
                "no_speech_prob": 0.0,
            })
            sentence = []
    return found


def whisper_default(words, language):
    file = io.StringIO()
    whisper.utils.WriteSRT("").write_result({"segments": segments(words, " "), "language": language}, file, {})
    return file.getvalue()


def whisper_limited(words, language):
    file = io.StringIO()
    whisper.utils.WriteSRT("").write_result(
        {"segments": segments(words, " "), "language": language}, file, max_line_width=LINE, max_line_count=LINES
    )
    return file.getvalue()


def whisperx_limited(words, language):
    file = io.StringIO()
    whisperx.utils.WriteSRT("").write_result(
        {"segments": segments(words, ""), "language": language},
        file,
        {"max_line_width": LINE, "max_line_count": LINES, "highlight_words": False},
    )
    return file.getvalue()


def whisperx_processor(words, language):
    with tempfile.NamedTemporaryFile("r", suffix=".srt", encoding="utf-8") as file:
        processor = whisperx.SubtitlesProcessor.SubtitlesProcessor(segments(words, ""), language, max_line_length=LINE)
        processor.save(file.name)
        return file.read()


def stable(words, language, regroup):
    result = stable_whisper.result.WhisperResult({"segments": segments(words, " "), "language": language}, show_unsorted=False)
    regroup(result)
    return result.to_srt_vtt(word_level=False, vtt=False)


def stable_default(words, language):
    return stable(words, language, lambda result: result.regroup())


def stable_split(words, language):
    def regroup(result):
        result.regroup()
        result.split_by_length(max_chars=LINE)

    return stable(words, language, regroup)


def stable_two_lines(words, language):
    def regroup(result):
        result.regroup()
        result.split_by_length(max_chars=LINE * LINES)
        result.split_by_length(max_chars=LINE, newline=True)

    return stable(words, language, regroup)


PEERS = {
    "whisper, default": whisper_default,
    "whisper, 42 x 2": whisper_limited,
    "whisperX, 42 x 2": whisperx_limited,
    "whisperX, SubtitlesProcessor 42": whisperx_processor,
    "stable-ts, default": stable_default,
    "stable-ts, split at 42": stable_split,
    "stable-ts, 84 in lines of 42": stable_two_lines,
}
