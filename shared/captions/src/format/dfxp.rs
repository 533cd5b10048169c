//! DFXP: the writer, and the reader of any TTML, well-formed or not.

mod frames;
mod time;

use std::fmt::Write as _;

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use self::frames::{Attributes, Frames};
use super::{clock, markup};
use crate::cue::Cue;
use crate::error::CaptionError;

/// Writes tidied cues. No `head`: Kaltura's index takes its text for captions. A blank stands before each `<br/>`,
/// else the index glues the words around it.
pub(super) fn write(cues: &[Cue], language: &str) -> String {
    let mut file = String::with_capacity(cues.len() * 128 + 256);
    let language: String = language
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect();
    file.push_str(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<tt xmlns=\"http://www.w3.org/ns/ttml\" xml:lang=\"",
    );
    file.push_str(&language);
    file.push_str("\">\n<body>\n<div>\n");
    for cue in cues {
        let (start, end) = (clock::write(cue.start_ms, '.'), clock::write(cue.end_ms, '.'));
        // Writing to a string can't fail.
        let _ = write!(file, "<p begin=\"{start}\" end=\"{end}\">");
        for (place, line) in cue.lines.iter().enumerate() {
            if place > 0 {
                file.push_str(" <br/>");
            }
            // XML allows no `]]>` in text.
            for (place, part) in line.split("]]>").enumerate() {
                if place > 0 {
                    file.push_str("]]&gt;");
                }
                markup::escape(part, &mut file);
            }
        }
        file.push_str("</p>\n");
    }
    file.push_str("</div>\n</body>\n</tt>\n");
    file
}

/// Reads every `p` (and every `span` with times of its own), whatever its prefix, with times inherited as TTML says.
/// Damaged XML is read as far as it makes sense; it is an error only where it gives no cue.
pub(super) fn read(text: &str) -> Result<Vec<Cue>, CaptionError> {
    let sound = escape_stray_brackets(text);
    let mut reader = Reader::from_str(&sound);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    let mut frames = Frames::default();
    let mut failure = None;
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => frames.open(&tag_name(&tag), &attributes(&tag)),
            Ok(Event::Empty(tag)) => {
                let name = tag_name(&tag);
                frames.open(&name, &attributes(&tag));
                frames.close(&name);
            }
            Ok(Event::End(tag)) => frames.close(&local(&tag.name().into_inner().to_ascii_lowercase())),
            Ok(Event::Text(text)) => frames.text(&text),
            Ok(Event::CData(text)) => frames.text(&text),
            Ok(Event::GeneralRef(name)) => frames.text(&markup::unescape(&format!("&{};", &*name))),
            Ok(Event::Eof) => break,
            Ok(Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_)) => {}
            Err(error) => {
                failure = Some((reader.error_position(), error.to_string()));
                break;
            }
        }
    }
    // What an unclosed tag has swallowed is text of the cue it stands in.
    if let Some((offset_bytes, _)) = &failure {
        let rest = usize::try_from(*offset_bytes)
            .ok()
            .and_then(|offset| sound.get(offset..))
            .unwrap_or_default();
        frames.text(rest.trim_start_matches('<'));
    }
    let cues = frames.finish();
    match failure {
        Some((offset_bytes, detail)) if cues.is_empty() => Err(CaptionError::Malformed {
            expected: "DFXP",
            offset_bytes,
            detail,
        }),
        _ => Ok(cues),
    }
}

fn tag_name(tag: &BytesStart<'_>) -> String {
    local(&tag.name().into_inner().to_ascii_lowercase())
}

/// A name without its prefix.
fn local(name: &str) -> String {
    name.rsplit(':').next().unwrap_or(name).to_owned()
}

fn attributes(tag: &BytesStart<'_>) -> Attributes {
    let mut attributes = Attributes::default();
    for attribute in tag.html_attributes().with_checks(false).flatten() {
        let value = markup::unescape(&attribute.value);
        attributes.insert(&local(attribute.key.into_inner()), &value);
    }
    attributes
}

/// What stays as it is in [`escape_stray_brackets`]: where it starts and ends.
const VERBATIM: [(&str, &str); 3] = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<!DOCTYPE", ">")];

/// Makes text of every `<` that can't open a tag, so that `1 < 2` and `<3` don't end the reading. Comments and
/// CDATA stay as they are.
fn escape_stray_brackets(text: &str) -> String {
    let mut sound = String::with_capacity(text.len() + 16);
    let mut rest = text;
    // Once one is found unclosed, no later one is closed either: none is looked for again, and a file of unclosed
    // ones is still read in one pass.
    let mut unclosed = [false; VERBATIM.len()];
    while let Some(at) = rest.find('<') {
        let (before, from) = rest.split_at(at);
        sound.push_str(before);
        let kind = VERBATIM
            .iter()
            .zip(&mut unclosed)
            .find(|((start, _), _)| from.starts_with(start));
        let verbatim = kind.and_then(|((_, end), unclosed)| {
            let length = if *unclosed {
                None
            } else {
                from.find(end).map(|at| at + end.len())
            };
            *unclosed = length.is_none();
            length
        });
        if let Some(length) = verbatim {
            let (section, after) = from.split_at(length);
            sound.push_str(section);
            rest = after;
            continue;
        }
        let after = &from[1..];
        let opens = after.starts_with(|c: char| c.is_alphabetic() || matches!(c, '/' | '?' | '_'));
        // A tag that meets another `<` before its `>` was never closed.
        let closed = after
            .find(['<', '>'])
            .is_some_and(|end| after[end..].starts_with('>'));
        sound.push_str(if opens && closed { "<" } else { "&lt;" });
        rest = after;
    }
    sound.push_str(rest);
    sound
}
