//! The captions of a live event: words in, messages in Kaltura's schema out to whoever listens, in order, none lost.
//!
//! What lives here: the stream's record ([`LiveStream`]), what a source may send and what is wrong with it ([`LiveInput`],
//! [`Refused`]), the messages ([`message`]), taking words in ([`take_in`]), handing messages out ([`hand_out`], [`join`],
//! [`leave`]), the end ([`end`]), and the tokens by which everybody who comes is known ([`LiveTokens`]). What does not: the order
//! and its status at Kaltura (`steps::live`), how words become captions (`captions::live`), and the events and requests that all of
//! this comes by (`functions/live`).
//!
//! How nothing is lost. A stream has one record, written under its version, so that writers take turns. A write that brings
//! messages takes the lease of the hand-out with it, where that is free; whoever has the lease sends until the record has nothing
//! newer, and gives it back in the same write that says so. One who dies leaves a lease that ends after [`LEASE_S`] seconds, and
//! the next call goes on. A message has the same id however often it is sent.

mod end;
mod hand_out;
mod hear;
mod input;
mod lay_out;
pub mod message;
mod places;
mod stream;
mod take_in;
mod token;

pub use end::{EndReason, Ended, end, transcript_key};
pub use hand_out::{Joined, LEASE_S, POST_TIMEOUT, hand_out, join, leave, look, speak};
pub use input::{LiveInput, LiveLine, LiveWord, MOST_INPUT_BYTES, Origin, Refused};
pub use places::Place;
pub use stream::{
    Bound, ConnectionId, LiveStream, Message, Role, STREAM_VERSION, Source, StreamSettings, StreamState,
};
pub use take_in::{TakenIn, note_on_air, take_in};
pub use token::{LiveToken, LiveTokens};
