//! Sound tracks: the dubbed, the described and the clear one, from the media and what was spoken or handed in.

use crate::error::Result;
use crate::material::Material;
use crate::plan::{Plan, SoundTrack};
use crate::steps::Task;

/// Makes a track and puts it into the bucket; answers its size in bytes. Safe to repeat.
pub async fn sound(
    task: &Task<'_>,
    _plan: &Plan,
    _material: &Material,
    _track: SoundTrack,
    _key: &str,
) -> Result<u64> {
    Err(task.out_of_order("render", "a maker of sound tracks"))
}
