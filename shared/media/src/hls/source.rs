//! Which playlists to fetch, and their segments in the order in which they are taken.

use std::sync::Arc;

use url::Url;

use crate::address::redact;
use crate::error::FetchError;
use crate::net::{Session, Want};
use crate::playlist::{InitSection, MediaPlaylist, Parsed, Segment, packager_audio, parse};
use crate::request::{HlsRequest, TrackChoice};
use crate::resume::Source;
use crate::ts::{Picture, Wanted};

/// What a fetch takes.
#[derive(Debug)]
pub(super) struct Plan {
    /// One playlist, or picture and sound apart.
    pub(super) sources: Vec<MediaPlaylist>,
    /// The streams to take from each.
    pub(super) wanted: Vec<Wanted>,
    pub(super) sound_only: bool,
}

/// One segment of a plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'a> {
    /// Index into [`Plan::sources`].
    pub(super) source: usize,
    pub(super) segment: &'a Segment,
}

/// One file of a plan.
#[derive(Debug, Clone, Copy)]
pub(super) enum File<'a> {
    /// The init section that this segment needs.
    Init(Step<'a>, &'a InitSection),
    Segment(Step<'a>),
}

impl File<'_> {
    pub(super) fn want(&self, limit: u64) -> Want {
        match self {
            Self::Init(_, init) => init.want(limit),
            Self::Segment(step) => step.want(limit),
        }
    }
}

impl Plan {
    pub(super) fn is_fragmented(&self) -> bool {
        self.sources
            .iter()
            .any(|list| list.segments.iter().any(|segment| segment.map.is_some()))
    }

    /// What is fetched after `taken` segments, in order: each segment, and before it the init section that it needs, where
    /// its source's last one was another.
    pub(super) fn files_after(&self, taken: usize) -> Vec<File<'_>> {
        let mut maps: Vec<Option<&Arc<InitSection>>> = vec![None; self.sources.len()];
        let mut files = Vec::new();
        for (number, step) in self.steps().into_iter().enumerate() {
            let map = step.segment.map.as_ref();
            let is_new = map.is_some() && map != maps[step.source];
            maps[step.source] = map;
            if number < taken {
                continue;
            }
            files.extend(map.filter(|_| is_new).map(|init| File::Init(step, init)));
            files.push(File::Segment(step));
        }
        files
    }

    /// The first playlist's address, redacted.
    pub(super) fn at(&self) -> &str {
        self.sources.first().map_or("", |list| &list.at)
    }

    /// What a checkpoint of this fetch is of.
    pub(super) fn source(&self, kind: &str) -> Source {
        Source {
            kind: kind.to_owned(),
            segments: self.segments(),
            length: self.announced_ms(),
            what: format!("{:?}", self.wanted),
        }
    }

    /// All segments, run by run, and within a run by the time at which they begin.
    pub(super) fn steps(&self) -> Vec<Step<'_>> {
        let mut steps: Vec<(u32, f64, Step<'_>)> = Vec::new();
        for (source, list) in self.sources.iter().enumerate() {
            let mut begins_s = 0.0;
            for segment in &list.segments {
                steps.push((segment.run, begins_s, Step { source, segment }));
                begins_s += segment.duration_s;
            }
        }
        steps.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        steps.into_iter().map(|(.., step)| step).collect()
    }

    /// The playlists' sum of EXTINF in milliseconds: that of the longest.
    pub(super) fn announced_ms(&self) -> u64 {
        let sums = self
            .sources
            .iter()
            .map(|list| list.segments.iter().map(|s| s.duration_s).sum::<f64>());
        seconds_to_ms(sums.fold(0.0, f64::max))
    }

    /// How far the media may be from what `segments` of a playlist announce.
    pub(super) fn tolerance_ms(&self, session: &Session, segments: usize) -> u64 {
        let rounded = self.sources.iter().any(|list| list.whole_seconds);
        session.limits().duration_tolerance_ms + if rounded { 500 * segments as u64 } else { 0 }
    }

    pub(super) fn segments(&self) -> usize {
        self.sources.iter().map(|list| list.segments.len()).sum()
    }
}

/// Milliseconds of a playlist's seconds, which are finite and not negative.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, as it should here"
)]
pub(super) fn seconds_to_ms(seconds: f64) -> u64 {
    (seconds * 1000.0).round() as u64
}

impl Step<'_> {
    pub(super) fn at(&self) -> String {
        redact(&self.segment.url)
    }

    pub(super) fn want(&self, limit: u64) -> Want {
        Want {
            url: self.segment.url.clone(),
            span: self.segment.span,
            whole: None,
            opaque: self.segment.key.is_some(),
            limit,
        }
    }
}

impl InitSection {
    pub(super) fn want(&self, limit: u64) -> Want {
        Want {
            url: self.url.clone(),
            span: self.span,
            whole: None,
            opaque: self.key.is_some(),
            limit,
        }
    }
}

/// Reads the playlists from the source's address on.
pub(super) async fn resolve(session: &Session, request: &HlsRequest) -> Result<Plan, FetchError> {
    let attempts = session.limits().attempts;
    let (text, found_at) = session.playlist(session.origin(), attempts).await?;
    let picture = match request.tracks {
        TrackChoice::AudioOnly => Picture::Times,
        TrackChoice::AudioVideo => Picture::Take,
    };
    let plan = |sources: Vec<MediaPlaylist>, wanted: Vec<Wanted>| Plan {
        sources,
        wanted,
        sound_only: request.tracks == TrackChoice::AudioOnly,
    };
    let muxed = || vec![Wanted { picture, sound: true }];
    let (variant, audio, audio_only) = match parse(&text, &found_at, session.config())? {
        Parsed::Media(list) if request.tracks == TrackChoice::AudioVideo => {
            return Ok(plan(vec![list], muxed()));
        }
        Parsed::Media(list) => {
            let list = sound_alone(session, &found_at).await?.unwrap_or(list);
            return Ok(plan(vec![list], muxed()));
        }
        Parsed::Master(master) => {
            let renditions = master.renditions()?;
            (renditions.variant, renditions.audio, renditions.audio_only)
        }
    };
    if request.tracks == TrackChoice::AudioOnly {
        let list = match &audio_only {
            Some(url) => media(session, url, attempts).await?,
            None => match sound_alone(session, &variant).await? {
                Some(list) => list,
                None => media(session, &variant, attempts).await?,
            },
        };
        return Ok(plan(vec![list], muxed()));
    }
    let list = media(session, &variant, attempts).await?;
    let Some(audio) = audio.filter(|audio| *audio != variant) else {
        return Ok(plan(vec![list], muxed()));
    };
    let sound = media(session, &audio, attempts).await?;
    let apart = vec![
        Wanted {
            picture,
            sound: false,
        },
        Wanted {
            picture: Picture::Ignore,
            sound: true,
        },
    ];
    Ok(plan(vec![list, sound], apart))
}

/// The sound of a packager's playlist by its own address; `None` where the address has another form or
/// answers anything but a playlist. Asked for once: the muxed playlist will do.
async fn sound_alone(session: &Session, url: &Url) -> Result<Option<MediaPlaylist>, FetchError> {
    let Some(audio) = packager_audio(url) else {
        return Ok(None);
    };
    match media(session, &audio, 1).await {
        Ok(list) => Ok(Some(list)),
        Err(error) => {
            tracing::debug!(error = %error, name = error.name(), "no playlist of sound alone");
            Ok(None)
        }
    }
}

async fn media(session: &Session, url: &Url, attempts: u32) -> Result<MediaPlaylist, FetchError> {
    let (text, found_at) = session.playlist(url, attempts).await?;
    match parse(&text, &found_at, session.config())? {
        Parsed::Media(list) => Ok(list),
        Parsed::Master(_) => Err(FetchError::PlaylistInvalid {
            at: redact(&found_at),
            what: "a master playlist inside a master playlist".to_owned(),
        }),
    }
}
