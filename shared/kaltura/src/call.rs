//! What a call of the API is.

use serde::Serialize;

use crate::error::CallName;
use crate::json::FromJson;

/// One action of the API with its parameters. The struct serialises as the request body, to which the client adds
/// `format`, `ks` and `clientTag`; parameter names are the server's.
///
/// All actions of this crate are in [`crate::calls`]; each is checked against Kaltura's contract in a test. Another can
/// be made by implementing this trait.
pub trait Call: Serialize + Sync {
    /// The service, as it stands in the URL: `caption_captionasset`.
    const SERVICE: &'static str;
    /// The action: `setContent`.
    const ACTION: &'static str;
    /// Whether sending the call twice is the same as sending it once.
    const REPEAT: Repeat;
    /// How long an answer may take.
    const PACE: Pace = Pace::Quick;
    /// What the server answers.
    type Reply: FromJson + Send;

    /// The call's name.
    fn name(&self) -> CallName {
        CallName {
            service: Self::SERVICE,
            action: Self::ACTION,
        }
    }

    /// Secrets in the parameters, beyond the session: taken out of every text of the server's.
    fn secrets(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// Whether a call may be sent again when its answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// It reads, or sets something to a value: the client repeats it on a quick passing fault.
    Safe,
    /// It makes something each time (an asset, an import): the client repeats it only if the call surely had no effect,
    /// and otherwise the caller decides ([`crate::Error::may_have_taken_effect`]).
    Once,
}

/// How long an answer may take, by what the server does meanwhile. The time-outs are in [`crate::TimeOuts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// It looks something up or writes a row.
    Quick,
    /// It copies or fetches a file before it answers (spec 3.1: attachments).
    Content,
    /// It receives a file.
    Upload,
}

/// Declares the `Call` of a request struct.
macro_rules! call {
    ($name:ident$(<$life:lifetime>)? => $service:literal . $action:literal, $repeat:ident $(, $pace:ident)? -> $reply:ty) => {
        impl$(<$life>)? crate::call::Call for $name$(<$life>)? {
            const SERVICE: &'static str = $service;
            const ACTION: &'static str = $action;
            const REPEAT: crate::call::Repeat = crate::call::Repeat::$repeat;
            $(const PACE: crate::call::Pace = crate::call::Pace::$pace;)?
            type Reply = $reply;
        }
    };
}
pub(crate) use call;
