//! One track's sample table.

use serde::{Deserialize, Serialize};

use crate::fault::Fault;

/// Clock of MPEG-TS timestamps, and of everything that is compared between tracks.
pub(crate) const CLOCK_HZ: i64 = 90_000;

/// One frame as it comes, with times in the track's timescale within the current run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) dts: i64,
    pub(crate) pts: i64,
    /// How long it lasts; 0 where only the next frame tells.
    pub(crate) length: u32,
    pub(crate) bytes: u32,
    pub(crate) key: bool,
    /// Which of the track's sample entries describes it.
    pub(crate) entry: u32,
}

/// What is kept of a frame: 12 bytes, so that an hour of picture and sound stays under 4 MB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) bytes: u32,
    /// Time to the next frame, in the timescale.
    pub(crate) delta: u32,
    /// Presentation minus decoding time.
    pub(crate) shift: i32,
}

/// Frames that lie one after the other in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chunk {
    /// From the beginning of the media payload.
    pub(crate) offset: u64,
    pub(crate) samples: u32,
    pub(crate) entry: u32,
}

/// The part of a track between two discontinuities, on the source's own clock.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Run {
    first_row: usize,
    first_dts: i64,
    first_pts: i64,
    last_dts: i64,
    end_pts: i64,
}

/// The table of one track.
///
/// Times are taken run by run: a run's place on the common timeline is known only when all tracks have
/// shown where they begin in it, so [`close_run`](Table::close_run) settles it afterwards.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) timescale: u32,
    /// A frame's length where only the next could tell it.
    nominal: u32,
    pub(crate) rows: Vec<Row>,
    pub(crate) keys: Vec<u32>,
    pub(crate) chunks: Vec<Chunk>,
    run: Option<Run>,
    /// Decoding and presentation time of the first frame, on the timeline.
    start: Option<(i64, i64)>,
    last_dts: i64,
    end_pts: i64,
}

impl Table {
    pub(crate) fn new(timescale: u32, nominal: u32) -> Self {
        Self {
            timescale,
            nominal,
            rows: Vec::new(),
            keys: Vec::new(),
            chunks: Vec::new(),
            run: None,
            start: None,
            last_dts: 0,
            end_pts: 0,
        }
    }

    /// Ticks of the 90 kHz clock in this timescale.
    pub(crate) fn in_timescale(&self, ticks: i64) -> i64 {
        rescale(ticks, i64::from(self.timescale), CLOCK_HZ)
    }

    /// Ticks of this timescale on the 90 kHz clock.
    pub(crate) fn on_clock(&self, time: i64) -> i64 {
        rescale(time, CLOCK_HZ, i64::from(self.timescale))
    }

    /// Decoding time of the run's last frame, on the run's clock.
    pub(crate) fn last_in_run(&self) -> Option<i64> {
        self.run.map(|run| run.last_dts)
    }

    /// Adds a frame whose bytes begin at `offset` of the payload.
    pub(crate) fn push(&mut self, sample: Sample, offset: u64, same_chunk: bool) -> Result<(), Fault> {
        let shift = i32::try_from(sample.pts - sample.dts)
            .map_err(|_| Fault::damaged("decoding and presentation time are hours apart"))?;
        let own = if sample.length > 0 {
            sample.length
        } else {
            self.nominal
        };
        let mut delta = own;
        if let Some(run) = &mut self.run {
            let step = sample.dts - run.last_dts;
            delta = u32::try_from(step).ok().filter(|step| *step > 0).ok_or_else(|| {
                Fault::damaged(format!(
                    "time steps by {step}/{} s from frame to frame",
                    self.timescale
                ))
            })?;
            if let Some(last) = self.rows.last_mut() {
                last.delta = delta;
            }
            // Picture of transport streams tells no length: the last frame lasts as long as the one before.
            delta = if own == 0 { delta } else { own };
            run.last_dts = sample.dts;
            run.end_pts = run.end_pts.max(sample.pts + i64::from(delta));
        } else {
            self.run = Some(Run {
                first_row: self.rows.len(),
                first_dts: sample.dts,
                first_pts: sample.pts,
                last_dts: sample.dts,
                end_pts: sample.pts + i64::from(delta),
            });
        }
        self.rows.push(Row {
            bytes: sample.bytes,
            delta,
            shift,
        });
        if sample.key {
            self.keys.push(u32::try_from(self.rows.len()).unwrap_or(u32::MAX));
        }
        match self.chunks.last_mut() {
            Some(chunk) if same_chunk && chunk.entry == sample.entry => chunk.samples += 1,
            _ => self.chunks.push(Chunk {
                offset,
                samples: 1,
                entry: sample.entry,
            }),
        }
        Ok(())
    }

    /// First presentation time and end of the run, in 90 kHz ticks on the run's clock.
    pub(crate) fn run_span(&self) -> Option<(i64, i64)> {
        self.run
            .map(|run| (self.on_clock(run.first_pts), self.on_clock(run.end_pts)))
    }

    /// The smallest offset, in 90 kHz ticks, that puts the run's first frame after the last one before.
    pub(crate) fn least_offset(&self) -> Option<i64> {
        let run = self.run.filter(|_| self.start.is_some())?;
        Some(self.on_clock(self.last_dts - run.first_dts) + CLOCK_HZ / i64::from(self.timescale).max(1) + 1)
    }

    /// Ends the run and puts it on the timeline, `offset` ticks of 90 kHz after its own clock.
    pub(crate) fn close_run(&mut self, offset: i64) -> Result<(), Fault> {
        let offset = self.in_timescale(offset);
        let Some(run) = self.run.take() else { return Ok(()) };
        let first_dts = run.first_dts + offset;
        if self.start.is_none() {
            self.start = Some((first_dts, run.first_pts + offset));
        } else if let Some(before) = run
            .first_row
            .checked_sub(1)
            .and_then(|row| self.rows.get_mut(row))
        {
            before.delta = u32::try_from(first_dts - self.last_dts)
                .map_err(|_| Fault::damaged("time goes back at a discontinuity"))?;
        }
        self.last_dts = run.last_dts + offset;
        self.end_pts = self.end_pts.max(run.end_pts + offset);
        Ok(())
    }

    /// First presentation time on the timeline, in 90 kHz ticks; `None` without frames.
    pub(crate) fn first_pts_clock(&self) -> Option<i64> {
        self.start.map(|(_, pts)| self.on_clock(pts))
    }

    /// End of presentation on the timeline, in 90 kHz ticks.
    pub(crate) fn end_clock(&self) -> i64 {
        self.on_clock(self.end_pts)
    }

    /// Presentation minus decoding time of the first frame: where presentation starts in the media.
    pub(crate) fn lead_in(&self) -> u64 {
        self.start
            .map_or(0, |(dts, pts)| u64::try_from(pts - dts).unwrap_or(0))
    }
}

/// `value * to / from`, rounded to the nearest.
pub(crate) fn rescale(value: i64, to: i64, from: i64) -> i64 {
    let (scaled, from) = (i128::from(value) * i128::from(to), i128::from(from.max(1)));
    i64::try_from((scaled + from / 2).div_euclid(from)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(table: &mut Table, dts: i64, pts: i64) {
        let key = table.rows.is_empty();
        table
            .push(
                Sample {
                    dts,
                    pts,
                    length: 0,
                    bytes: 1,
                    key,
                    entry: 0,
                },
                table.rows.len() as u64,
                true,
            )
            .unwrap();
    }

    #[test]
    fn each_frame_lasts_until_the_next() {
        let mut table = Table::new(90_000, 0);
        for (dts, pts) in [(0, 7200), (3600, 18_000), (7200, 10_800), (18_000, 21_600)] {
            frame(&mut table, dts, pts);
        }
        table.close_run(0).unwrap();
        let deltas: Vec<u32> = table.rows.iter().map(|row| row.delta).collect();
        assert_eq!(deltas, [3600, 3600, 10_800, 10_800]);
        assert_eq!(table.lead_in(), 7200);
    }

    #[test]
    fn time_that_goes_back_within_a_run_is_damage() {
        let mut table = Table::new(90_000, 0);
        frame(&mut table, 3600, 3600);
        let back = table.push(
            Sample {
                dts: 3600,
                pts: 3600,
                length: 0,
                bytes: 1,
                key: false,
                entry: 0,
            },
            1,
            true,
        );
        assert!(matches!(back, Err(Fault::Damaged(_))));
    }

    #[test]
    fn a_run_is_joined_where_it_is_put() {
        let mut table = Table::new(90_000, 0);
        frame(&mut table, 0, 0);
        frame(&mut table, 3600, 3600);
        table.close_run(0).unwrap();
        frame(&mut table, 500_000, 500_000);
        frame(&mut table, 503_600, 503_600);
        table.close_run(7200 - 500_000).unwrap();
        let deltas: Vec<u32> = table.rows.iter().map(|row| row.delta).collect();
        assert_eq!(deltas, [3600; 4]);
        assert_eq!(table.end_clock(), 4 * 3600);
    }
}
