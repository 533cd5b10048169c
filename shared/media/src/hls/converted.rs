//! What can't be put together here, through an ffmpeg child: its codecs stay as they are, in a fragmented MP4.
//!
//! The child never gets an address: segments are fetched, checked and decrypted as always, and go into its standard input, one
//! after the other; what comes out of it is checked like fragments from a server. Its input format is set, and it may open
//! nothing but its pipes. It can't be stopped and go on: such a fetch ends whole within one call, or leaves nothing.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, Command};

use super::remuxed::cipher;
use super::source::{Plan, Step};
use super::{check_duration, refused};
use crate::crypto::SegmentCipher;
use crate::error::FetchError;
use crate::fault::Fault;
use crate::mp4::probe::Probe;
use crate::net::{Piece, SLAB_BYTES, Session, Want, Window};
use crate::parts::{Head, PartWriter};
use crate::report::{Container, FetchReport, TrackKind};
use crate::sink::PartSink;
use crate::ts::{Demuxer, Pes, PesSink, Picture, Stream, Wanted};

/// Bytes kept of what the child says.
const MAX_SAID_BYTES: usize = 4 << 10;

/// Whether the child can be given the plan: one playlist, on one clock, with one init section.
pub(super) fn takes(plan: &Plan) -> bool {
    let [list] = &plan.sources[..] else { return false };
    let init = list.segments.first().map(|segment| &segment.map);
    list.segments
        .iter()
        .all(|segment| segment.run == 0 && Some(&segment.map) == init)
}

pub(super) async fn run(
    session: &Arc<Session>,
    plan: &Plan,
    program: &Path,
    sink: &dyn PartSink,
) -> Result<FetchReport, FetchError> {
    let at = plan.at();
    let failed = |what: String| FetchError::Converter {
        program: program.display().to_string(),
        what,
    };
    let mut feed = Feed::new(session, plan);
    let Some(first) = feed.next().await? else {
        return Err(FetchError::Empty { at: at.to_owned() });
    };
    let format = format_of(&first, plan)?;
    if format == "mpegts" {
        let wanted = Wanted {
            picture: Picture::Times,
            sound: false,
        };
        let check = feed.check.insert(Demuxer::new(wanted));
        check.push(&first, &mut Nobody).map_err(|fault| fault.at(at))?;
    }
    let mut child = command(program, format, plan.sound_only)
        .spawn()
        .map_err(|error| failed(format!("can't be run: {error}")))?;
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(failed("has no pipes".to_owned()));
    };
    let mut parts = PartWriter::new(sink, session.config(), Head::None);
    let ((), probe, said) = tokio::try_join!(
        feed.into_child(first, stdin),
        async { read(stdout, &mut parts, at).await },
        async { Ok(hear(stderr).await) },
    )?;
    let status = child.wait().await.map_err(|error| failed(error.to_string()))?;
    match status.code() {
        Some(0) => {}
        // It refuses a codec before it writes anything, and broken media where it meets it.
        Some(_) if probe.tracks().is_empty() && !said.contains("corrupt") => {
            return Err(refused(at, &format!("ffmpeg says: {said}")));
        }
        Some(_) => {
            return Err(FetchError::Damaged {
                at: at.to_owned(),
                what: format!("ffmpeg says: {said}"),
            });
        }
        None => return Err(failed(format!("was ended by a signal: {said}"))),
    }
    if !said.is_empty() {
        tracing::warn!(at, said, "ffmpeg has something to say");
    }
    check_tracks(&probe, plan, at)?;
    let duration_ms = probe.duration_ms().unwrap_or(0);
    let tolerance_ms = plan.tolerance_ms(session, plan.segments());
    check_duration(duration_ms, plan.announced_ms(), tolerance_ms, "the playlist")?;
    session.check_entry(duration_ms, plan.at())?;
    let bytes_out = parts.finish(&[]).await?;
    Ok(FetchReport {
        container: Container::FragmentedMp4,
        tracks: probe.tracks(),
        duration_ms: Some(duration_ms),
        segments: u32::try_from(plan.segments()).unwrap_or(u32::MAX),
        bytes_in: session.bytes_in(),
        bytes_out,
        retries: session.retries(),
    })
}

/// The first picture and the first sound, in fragments of some seconds whose index waits for them, so that it has their edit
/// lists.
fn command(program: &Path, format: &str, sound_only: bool) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .args(["-nostdin", "-hide_banner", "-v", "error", "-xerror"])
        .args(["-protocol_whitelist", "pipe", "-f", format, "-i", "pipe:0"]);
    if !sound_only {
        command.args(["-map", "0:v:0?"]);
    }
    command
        .args(["-map", "0:a:0?", "-c", "copy", "-f", "mp4"])
        .args([
            "-movflags",
            "delay_moov+default_base_moof",
            "-frag_duration",
            "4000000",
        ])
        .arg("pipe:1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// The name of the input's format by its first bytes: the child is not left to guess, since some formats name files to open.
fn format_of(first: &[u8], plan: &Plan) -> Result<&'static str, FetchError> {
    if plan.is_fragmented() {
        return Ok("mov");
    }
    match first {
        [0x47, ..] => Ok("mpegts"),
        _ => packed_format(first).map_err(|what| refused(plan.at(), what)),
    }
}

/// The format of sound without a container, with or without the tag in front that tells its time.
fn packed_format(first: &[u8]) -> Result<&'static str, &'static str> {
    let sound = match first {
        [b'I', b'D', b'3', _, _, _, a, b, c, d, rest @ ..] => {
            let tag_bytes = [a, b, c, d]
                .iter()
                .fold(0, |sum, byte| sum << 7 | usize::from(**byte & 0x7f));
            rest.get(tag_bytes..).unwrap_or_default()
        }
        _ => first,
    };
    match sound {
        // The layer's two bits are 0 in ADTS only.
        [0xff, second, ..] if second & 0xf6 == 0xf0 => Ok("aac"),
        [0xff, second, ..] if second & 0xe0 == 0xe0 => Ok("mp3"),
        [0x0b, 0x77, ..] => Ok("ac3"),
        _ => Err("segments of a format that is not known"),
    }
}

/// The bytes for the child: the init section and the segments in order, decrypted.
struct Feed<'a> {
    session: &'a Session,
    /// `None` is the init section.
    steps: std::vec::IntoIter<Option<Step<'a>>>,
    window: Window<std::vec::IntoIter<Want>>,
    /// The segment being read: where it is from, and what opens it.
    open: Option<(String, Option<SegmentCipher>)>,
    /// Looks whether packets of a transport stream are whole and in order, which the child would pass over.
    check: Option<Demuxer>,
}

impl<'a> Feed<'a> {
    fn new(session: &'a Arc<Session>, plan: &'a Plan) -> Self {
        let limit = session.limits().segment_bytes;
        let steps = plan.steps();
        let init = steps.first().and_then(|step| step.segment.map.as_ref());
        let init_want = init.map(|init| init.want(limit));
        let wants: Vec<Want> = init_want
            .into_iter()
            .chain(steps.iter().map(|step| step.want(limit)))
            .collect();
        let order: Vec<Option<Step<'a>>> = init
            .map(|_| None)
            .into_iter()
            .chain(steps.iter().copied().map(Some))
            .collect();
        Self {
            session,
            steps: order.into_iter(),
            window: Window::new(
                Arc::clone(session),
                wants.into_iter(),
                session.config().buffer_bytes,
            ),
            open: None,
            check: None,
        }
    }

    /// The next bytes; none at the end.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, FetchError> {
        loop {
            let (at, cipher) = match &mut self.open {
                Some(open) => open,
                none => {
                    let Some(step) = self.steps.next() else {
                        return Ok(None);
                    };
                    none.insert(match step {
                        Some(step) => (step.at(), cipher(self.session, &step).await?),
                        None => ("init section".to_owned(), None),
                    })
                }
            };
            let mut bytes = Vec::new();
            let ended = match self.window.next().await? {
                Piece::Bytes(slab) => {
                    match cipher {
                        Some(cipher) => cipher.push(slab.as_ref(), &mut bytes),
                        None => bytes.extend_from_slice(slab.as_ref()),
                    }
                    false
                }
                Piece::End => {
                    if let Some(cipher) = cipher.take() {
                        cipher
                            .finish(&mut bytes)
                            .map_err(|what| FetchError::Key { at: at.clone(), what })?;
                    }
                    true
                }
                Piece::Done => {
                    let what = "fewer downloads than segments".to_owned();
                    return Err(FetchError::Truncated { at: at.clone(), what });
                }
            };
            if let Some(check) = &mut self.check {
                check
                    .push(&bytes, &mut Nobody)
                    .and_then(|()| if ended { check.end_segment() } else { Ok(()) })
                    .map_err(|fault| fault.at(at))?;
            }
            if ended {
                self.open = None;
            }
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
    }

    /// Gives the child everything. That it closes its input is no fault here: its exit tells why.
    async fn into_child(mut self, first: Vec<u8>, mut stdin: ChildStdin) -> Result<(), FetchError> {
        let mut next = Some(first);
        while let Some(bytes) = next {
            if stdin.write_all(&bytes).await.is_err() {
                return Ok(());
            }
            next = self.next().await?;
        }
        // A failure shows in the exit too.
        let _ = stdin.shutdown().await;
        Ok(())
    }
}

/// Takes no frames.
struct Nobody;

impl PesSink for Nobody {
    fn pes(&mut self, _: Stream, _: Pes<'_>) -> Result<(), Fault> {
        Ok(())
    }
}

/// What the child made must fit the request.
fn check_tracks(probe: &Probe, plan: &Plan, at: &str) -> Result<(), FetchError> {
    let at = || at.to_owned();
    if probe.is_encrypted() {
        return Err(FetchError::Protected {
            at: at(),
            method: "common encryption".to_owned(),
        });
    }
    let tracks = probe.tracks();
    if tracks.is_empty() {
        let what = "the init section has no track of picture or sound".to_owned();
        return Err(FetchError::Damaged { at: at(), what });
    }
    if plan.sound_only && !tracks.iter().any(|track| track.kind == TrackKind::Audio) {
        return Err(FetchError::NoSound { at: at() });
    }
    Ok(())
}

/// Reads what the child makes into parts, and looks at its boxes.
async fn read(
    mut stdout: impl AsyncRead + Unpin,
    parts: &mut PartWriter<'_>,
    at: &str,
) -> Result<Probe, FetchError> {
    let mut probe = Probe::default();
    let mut bytes = vec![0; SLAB_BYTES];
    loop {
        let read = tokio::select! {
            read = stdout.read(&mut bytes) => read.unwrap_or(0),
            arrived = parts.progress(), if parts.is_busy() => {
                arrived?;
                continue;
            }
        };
        if read == 0 {
            return Ok(probe);
        }
        probe.push(&bytes[..read]).map_err(|fault| fault.at(at))?;
        parts.write(&bytes[..read]).await?;
    }
}

/// What the child says, to its end; no more than a few lines of it are kept.
async fn hear(mut stderr: impl AsyncRead + Unpin) -> String {
    let mut said = Vec::new();
    let mut bytes = [0; 512];
    while let Ok(read @ 1..) = stderr.read(&mut bytes).await {
        let room = MAX_SAID_BYTES.saturating_sub(said.len());
        said.extend_from_slice(&bytes[..read.min(room)]);
    }
    String::from_utf8_lossy(&said)
        .lines()
        .map(str::trim)
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_sound_is_known_behind_its_tag() {
        let tag = |sound: &[u8]| [&b"ID3\x04\0\0\0\0\0\x02ab"[..], sound].concat();
        assert_eq!(packed_format(&tag(&[0xff, 0xf1])), Ok("aac"));
        assert_eq!(packed_format(&tag(&[0xff, 0xfb])), Ok("mp3"));
        assert_eq!(packed_format(&[0x0b, 0x77]), Ok("ac3"));
        // A list of files to open is a format too.
        assert!(packed_format(b"ffconcat version 1.0").is_err());
        assert!(packed_format(b"#EXTM3U").is_err());
    }
}
