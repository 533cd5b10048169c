//! kaltura-sim.
fn main() {}
