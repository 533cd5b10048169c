//! The head of a plain faststart MP4: `ftyp`, `moov` and the `mdat` header, written when all is known.

use serde::{Deserialize, Serialize};

use mp4_atom::{
    Ac3, Ac3SpecificBox, Audio, Avc1, Avcc, AvccExt, Co64, Codec, Ctts, CttsEntry, Dinf, Dref, DrefEntry,
    Edts, Elst, ElstEntry, Encode as _, Esds, FixedPoint, FourCC, Ftyp, Hdlr, Hev1, HvcCArray, Hvcc, Mdhd,
    Mdia, Minf, Moov, Mp4a, Mvhd, Smhd, Stbl, Stco, Stsc, StscEntry, Stsd, Stss, Stsz, StszSamples, Stts,
    SttsEntry, Tkhd, Trak, Url, Visual, Vmhd, esds,
};

use super::boxes::boxes;
use super::table::{CLOCK_HZ, Table};
use crate::es::h264::AvcConfig;
use crate::es::hevc::HevcConfig;
use crate::es::sound::SoundConfig;
use crate::fault::Fault;
use crate::report::TrackKind;

/// Timescale of the movie header: that of the source's clock, so that starts are exact.
const MOVIE_TIMESCALE: u32 = 90_000;

/// What a sample entry is made of.
#[derive(Debug)]
pub(crate) enum Format {
    Avc(AvcConfig),
    Hevc(HevcConfig),
    Sound(SoundConfig),
    /// Entries of another file, as they stand.
    Raw(RawEntries),
}

/// Sample entries as they stand in another file, for a track of this kind and size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RawEntries {
    pub(crate) kind: TrackKind,
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) entries: Vec<Vec<u8>>,
}

impl RawEntries {
    /// The codec's four characters: the first entry's.
    pub(crate) fn codec(&self) -> String {
        let name = self.entries.first().and_then(|entry| entry.get(4..8));
        String::from_utf8_lossy(name.unwrap_or_default())
            .trim_end()
            .to_owned()
    }
}

/// A finished track.
#[derive(Debug)]
pub(crate) struct TrackPlan<'a> {
    pub(crate) format: Format,
    pub(crate) table: &'a Table,
}

impl TrackPlan<'_> {
    fn is_sound(&self) -> bool {
        match &self.format {
            Format::Sound(_) => true,
            Format::Raw(raw) => raw.kind == TrackKind::Audio,
            Format::Avc(_) | Format::Hevc(_) => false,
        }
    }

    /// From where to where the track is presented, in 90 kHz ticks of the timeline.
    fn span(&self) -> (i64, i64) {
        (self.table.first_pts_clock().unwrap_or(0), self.table.end_clock())
    }
}

/// Writes everything that precedes `payload_bytes` of media.
///
/// `origin` is where the timeline begins, in 90 kHz ticks: the earliest frame of all tracks, those not
/// taken included, so that sound alone keeps the time it has beside its picture. A later track waits in an empty edit, and reordered
/// picture starts at its first frame's presentation time.
pub(crate) fn head(tracks: &[TrackPlan<'_>], origin: i64, payload_bytes: u64) -> Result<Vec<u8>, Fault> {
    let sound_only = tracks.iter().all(TrackPlan::is_sound);
    let brand = |text: &[u8; 4]| FourCC::new(text);
    let ftyp = Ftyp {
        major_brand: if sound_only {
            brand(b"M4A ")
        } else {
            brand(b"isom")
        },
        minor_version: 0x200,
        compatible_brands: if sound_only {
            vec![brand(b"M4A "), brand(b"isom"), brand(b"iso2"), brand(b"mp41")]
        } else {
            vec![brand(b"isom"), brand(b"iso2"), brand(b"avc1"), brand(b"mp41")]
        },
    };
    let large = payload_bytes > u64::from(u32::MAX) - (512 << 20);
    let mut boxes = Vec::with_capacity(tracks.len());
    for (id, track) in (1..).zip(tracks) {
        boxes.push(trak(id, track, origin, large)?);
    }
    let mut moov = Moov {
        mvhd: Mvhd {
            timescale: MOVIE_TIMESCALE,
            duration: tracks
                .iter()
                .map(|t| ticks(t.span().1 - origin))
                .max()
                .unwrap_or(0),
            rate: FixedPoint::new(1, 0),
            volume: FixedPoint::new(1, 0),
            next_track_id: u32::try_from(tracks.len()).unwrap_or(u32::MAX).saturating_add(1),
            ..Mvhd::default()
        },
        trak: boxes,
        ..Moov::default()
    };
    let mut mdat = Vec::with_capacity(16);
    if let Ok(size) = u32::try_from(payload_bytes + 8) {
        mdat.extend(size.to_be_bytes());
        mdat.extend(b"mdat");
    } else {
        // Size 1 says that the real one follows, in eight bytes.
        mdat.extend(1u32.to_be_bytes());
        mdat.extend(b"mdat");
        mdat.extend((payload_bytes + 16).to_be_bytes());
    }
    // Offsets don't change the index's length, so a first pass tells where the payload begins.
    let mut out = Vec::new();
    ftyp.encode(&mut out).map_err(|error| unwritable(&error))?;
    let start = out.len();
    out.extend(index(&moov, tracks)?);
    let base = (out.len() + mdat.len()) as u64;
    out.truncate(start);
    for trak in &mut moov.trak {
        let stbl = &mut trak.mdia.minf.stbl;
        if let Some(co64) = &mut stbl.co64 {
            co64.entries.iter_mut().for_each(|offset| *offset += base);
        }
        if let Some(stco) = &mut stbl.stco {
            for offset in &mut stco.entries {
                *offset = u32::try_from(u64::from(*offset) + base)
                    .map_err(|_| Fault::unsupported("index of more than 512 MiB"))?;
            }
        }
    }
    out.extend(index(&moov, tracks)?);
    out.extend(mdat);
    Ok(out)
}

fn unwritable(error: &mp4_atom::Error) -> Fault {
    Fault::unsupported(format!("index can't be written: {error}"))
}

/// The index, with the entries that come from another file in their places.
fn index(moov: &Moov, tracks: &[TrackPlan<'_>]) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    moov.encode(&mut bytes).map_err(|error| unwritable(&error))?;
    let mut raw = tracks.iter().map(|track| match &track.format {
        Format::Raw(raw) => Some(&raw.entries[..]),
        _ => None,
    });
    let mut out = Vec::with_capacity(bytes.len() + 1024);
    with_entries(&bytes, &mut raw, &mut out)?;
    Ok(out)
}

/// Copies boxes, each track's `stsd` with the next of `raw` in place of its entries.
fn with_entries(
    bytes: &[u8],
    raw: &mut dyn Iterator<Item = Option<&[Vec<u8>]>>,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    for found in boxes(bytes) {
        let found = found?;
        let begin = out.len();
        match &found.kind {
            b"moov" | b"trak" | b"mdia" | b"minf" | b"stbl" => {
                out.extend([0; 4]);
                out.extend(found.kind);
                with_entries(found.body, raw, out)?;
            }
            b"stsd" => match raw.next().flatten() {
                Some(entries) => {
                    out.extend([0; 4]);
                    out.extend(found.kind);
                    out.extend([0; 4]);
                    out.extend(u32::try_from(entries.len()).unwrap_or(u32::MAX).to_be_bytes());
                    for entry in entries {
                        out.extend(entry);
                    }
                }
                None => out.extend(found.whole),
            },
            _ => out.extend(found.whole),
        }
        let size = u32::try_from(out.len() - begin).map_err(|_| Fault::unsupported("index over 4 GiB"))?;
        out[begin..begin + 4].copy_from_slice(&size.to_be_bytes());
    }
    Ok(())
}

fn trak(id: u32, track: &TrackPlan<'_>, origin: i64, large: bool) -> Result<Trak, Fault> {
    let (first, end) = track.span();
    let (wait, length) = (ticks(first - origin), ticks(end - first));
    let table = track.table;
    let mut edits = Vec::with_capacity(2);
    if wait > 0 {
        edits.push(ElstEntry {
            segment_duration: wait,
            media_time: None,
            media_rate: 1.into(),
        });
    }
    edits.push(ElstEntry {
        segment_duration: length,
        media_time: Some(table.lead_in()),
        media_rate: 1.into(),
    });
    let mut tkhd = Tkhd {
        track_id: id,
        duration: wait + length,
        enabled: true,
        in_movie: true,
        ..Tkhd::default()
    };
    let (codec, size) = match &track.format {
        Format::Avc(config) => (
            Some(Codec::from(avc1(config)?)),
            Some((config.width, config.height)),
        ),
        Format::Hevc(config) => (
            Some(Codec::from(hev1(config))),
            Some((config.width, config.height)),
        ),
        Format::Sound(config) => (Some(sound_entry(*config)), None),
        Format::Raw(raw) => (
            None,
            (raw.kind == TrackKind::Video).then_some((raw.width, raw.height)),
        ),
    };
    let (handler, name) = if let Some((width, height)) = size {
        tkhd.width = FixedPoint::new(width, 0);
        tkhd.height = FixedPoint::new(height, 0);
        (b"vide", "VideoHandler")
    } else {
        tkhd.volume = FixedPoint::new(1, 0);
        tkhd.alternate_group = 1;
        (b"soun", "SoundHandler")
    };
    Ok(Trak {
        tkhd,
        edts: Some(Edts {
            elst: Some(Elst { entries: edits }),
        }),
        mdia: Mdia {
            mdhd: Mdhd {
                timescale: table.timescale,
                duration: table.rows.iter().map(|row| u64::from(row.delta)).sum(),
                language: "und".to_owned(),
                ..Mdhd::default()
            },
            hdlr: Hdlr {
                handler: FourCC::new(handler),
                name: name.to_owned(),
            },
            minf: Minf {
                vmhd: size.map(|_| Vmhd::default()),
                smhd: size.is_none().then(Smhd::default),
                dinf: Dinf {
                    dref: Dref {
                        entries: vec![DrefEntry::Url(Url::default())],
                    },
                },
                stbl: stbl(table, codec, large)?,
                ..Minf::default()
            },
        },
        ..Trak::default()
    })
}

fn stbl(table: &Table, codec: Option<Codec>, large: bool) -> Result<Stbl, Fault> {
    let rows = &table.rows;
    let stts = runs(rows.iter().map(|row| row.delta))
        .map(|(sample_count, sample_delta)| SttsEntry {
            sample_count,
            sample_delta,
        })
        .collect();
    let ctts = rows.iter().any(|row| row.shift != 0).then(|| Ctts {
        entries: runs(rows.iter().map(|row| row.shift))
            .map(|(sample_count, shift)| CttsEntry {
                sample_count,
                sample_offset: i64::from(shift),
            })
            .collect(),
    });
    let mut first_chunk = 1;
    let mut stsc = Vec::new();
    for (chunks, (samples_per_chunk, entry)) in
        runs(table.chunks.iter().map(|chunk| (chunk.samples, chunk.entry)))
    {
        stsc.push(StscEntry {
            first_chunk,
            samples_per_chunk,
            sample_description_index: entry + 1,
        });
        first_chunk += chunks;
    }
    let offsets = table.chunks.iter().map(|chunk| chunk.offset);
    let (stco, co64) = if large {
        (
            None,
            Some(Co64 {
                entries: offsets.collect(),
            }),
        )
    } else {
        let entries: Result<_, _> = offsets.map(u32::try_from).collect();
        let entries = entries.map_err(|_| Fault::unsupported("payload over 4 GiB with a small index"))?;
        (Some(Stco { entries }), None)
    };
    // Sound has no list of entry points: every frame is one.
    let entry_points = !table.keys.is_empty() && table.keys.len() < rows.len();
    Ok(Stbl {
        stsd: Stsd {
            codecs: codec.into_iter().collect(),
        },
        stts: Stts { entries: stts },
        ctts,
        stss: entry_points.then(|| Stss {
            entries: table.keys.clone(),
        }),
        stsc: Stsc { entries: stsc },
        stsz: Stsz {
            samples: StszSamples::Different {
                sizes: rows.iter().map(|row| row.bytes).collect(),
            },
        },
        stco,
        co64,
        ..Stbl::default()
    })
}

fn avc1(config: &AvcConfig) -> Result<Avc1, Fault> {
    let (Some(sps), Some(pps)) = (config.sps.first(), config.pps.first()) else {
        return Err(Fault::damaged("picture without parameter sets"));
    };
    let mut avcc = Avcc::new(sps, pps).map_err(|_| Fault::damaged("sequence parameter set too short"))?;
    avcc.sequence_parameter_sets.clone_from(&config.sps);
    avcc.picture_parameter_sets.clone_from(&config.pps);
    avcc.ext = config.chroma.map(|chroma| AvccExt {
        chroma_format: chroma.format,
        bit_depth_luma: chroma.luma_bits,
        bit_depth_chroma: chroma.color_bits,
        sequence_parameter_sets_ext: Vec::new(),
    });
    Ok(Avc1 {
        visual: visual(config.width, config.height),
        avcc,
        ..Avc1::default()
    })
}

/// Parameter sets lie in the pictures too, which `hvc1` would forbid.
fn hev1(config: &HevcConfig) -> Hev1 {
    let [marks, a, b, c, d, constraints @ .., level] = config.profile;
    let hvcc = Hvcc {
        general_profile_space: marks >> 6,
        general_tier_flag: marks >> 5 & 1 == 1,
        general_profile_idc: marks & 0x1f,
        general_profile_compatibility_flags: [a, b, c, d],
        general_constraint_indicator_flags: constraints,
        general_level_idc: level,
        chroma_format_idc: config.chroma_format,
        bit_depth_luma_minus8: config.luma_bits.saturating_sub(8),
        bit_depth_chroma_minus8: config.color_bits.saturating_sub(8),
        num_temporal_layers: config.temporal_layers,
        temporal_id_nested: config.temporal_nesting,
        length_size_minus_one: 3,
        arrays: config
            .sets
            .iter()
            .map(|(kind, sets)| HvcCArray {
                completeness: false,
                nal_unit_type: *kind,
                nalus: sets.clone(),
            })
            .collect(),
        ..Hvcc::new()
    };
    Hev1 {
        visual: visual(config.width, config.height),
        hvcc,
        ..Hev1::default()
    }
}

fn visual(width: u16, height: u16) -> Visual {
    Visual {
        data_reference_index: 1,
        width,
        height,
        ..Visual::default()
    }
}

fn sound_entry(config: SoundConfig) -> Codec {
    let audio = Audio {
        data_reference_index: 1,
        channel_count: config.channels(),
        sample_size: 16,
        // Rates above 16 bits don't fit the field; the decoder's own configuration counts.
        sample_rate: FixedPoint::new(u16::try_from(config.rate_hz()).unwrap_or(0), 0),
    };
    // The object types of ISO/IEC 14496-1, table 5: MPEG-4 audio, and those of MPEG-1 and MPEG-2 before it, whose frames
    // tell a decoder everything.
    match config {
        SoundConfig::Aac(aac) => mp4a(audio, 0x40, Some(aac.specific_config().to_vec())).into(),
        SoundConfig::Mpeg(mpeg) => mp4a(audio, if mpeg.low_rates { 0x69 } else { 0x6b }, None).into(),
        SoundConfig::Ac3(ac3) => Ac3 {
            audio,
            dac3: Ac3SpecificBox {
                fscod: ac3.rate_code,
                bsid: ac3.bsid,
                bsmod: ac3.bsmod,
                acmod: ac3.acmod,
                lfeon: ac3.low_frequency,
                bit_rate_code: ac3.bit_rate_code,
            },
        }
        .into(),
    }
}

fn mp4a(audio: Audio, object_type_indication: u8, specific: Option<Vec<u8>>) -> Mp4a {
    Mp4a {
        audio,
        esds: Esds {
            es_desc: esds::EsDescriptor {
                es_id: 1,
                dec_config: esds::DecoderConfig {
                    object_type_indication,
                    // 5 is audio (ISO/IEC 14496-1, table 6).
                    stream_type: 5,
                    dec_specific: specific.map(|raw| esds::DecoderSpecific {
                        raw,
                        profile: 0,
                        freq_index: 0,
                        chan_conf: 0,
                    }),
                    ..esds::DecoderConfig::default()
                },
                ..esds::EsDescriptor::default()
            },
        },
        btrt: None,
        taic: None,
    }
}

/// Neighbours that are equal, as count and value.
fn runs<T: PartialEq + Copy>(values: impl Iterator<Item = T>) -> impl Iterator<Item = (u32, T)> {
    let mut values = values.peekable();
    std::iter::from_fn(move || {
        let value = values.next()?;
        let mut count = 1;
        while values.next_if_eq(&value).is_some() {
            count += 1;
        }
        Some((count, value))
    })
}

fn ticks(clock: i64) -> u64 {
    const { assert!(MOVIE_TIMESCALE as i64 == CLOCK_HZ) };
    u64::try_from(clock).unwrap_or(0)
}
