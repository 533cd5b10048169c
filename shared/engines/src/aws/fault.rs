//! What Amazon's errors mean to a job.

use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::NAME;
use crate::error::EngineError;

/// The error's code, whatever the service: `LimitExceededException`.
pub(super) fn code(error: &impl ProvideErrorMetadata) -> &str {
    error.code().unwrap_or_default()
}

/// Whether the thing asked for doesn't exist. Transcribe has a code for it and, for jobs and vocabularies, also says so
/// in the text of a bad request.
pub(super) fn is_missing(error: &impl ProvideErrorMetadata) -> bool {
    match code(error) {
        "NotFoundException" | "ResourceNotFoundException" => true,
        "BadRequestException" => {
            let text = error.message().unwrap_or_default();
            text.contains("couldn't be found") || text.contains("doesn't exist")
        }
        _ => false,
    }
}

/// A call that failed: too busy, over a limit, not reached, not allowed. All of it may pass, or be put right by us; what is
/// the customer's is told apart by whoever calls, by [`code`].
pub(super) fn unavailable<E>(action: &str) -> impl FnOnce(E) -> EngineError
where
    E: std::error::Error,
{
    move |error| EngineError::Unavailable {
        engine: NAME.to_owned(),
        action: action.to_owned(),
        detail: DisplayErrorContext(&error).to_string(),
    }
}

/// A request that could not be put together: a fault of ours.
pub(super) fn unbuilt<E>(action: &str) -> impl FnOnce(E) -> EngineError
where
    E: std::error::Error,
{
    unavailable(action)
}

/// An answer that is not what the service's documentation says.
pub(super) fn unreadable(service: &str, detail: impl Into<String>) -> EngineError {
    EngineError::OutputUnreadable {
        program: service.to_owned(),
        detail: detail.into(),
    }
}
