//! The one error of this crate, and what each API code means for a vendor.
//!
//! No variant holds a secret: texts of the server's are scrubbed of the session that was sent, of URL queries and of
//! `/ks/…` before they get here.

use std::collections::BTreeMap;
use std::fmt;

use crate::enums::TaskStatus;
use crate::ids::TaskId;

/// `Result` with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What an error means for the one who called.
///
/// A class judges the call, not the order: whether an order is refused for a [`Terminal`](Self::Terminal) error is the
/// caller's to decide, since ERROR at Kaltura refunds the customer and is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// A passing fault: the same call may succeed later.
    Retryable,
    /// The same call gets the same answer, now and later.
    Terminal,
    /// The task is not there for the vendor any more: aborted, or never his.
    Gone,
    /// The session or access key is dead: open another, or extend it, and call again. The call was refused, so nothing
    /// came of it.
    SessionDead,
    /// The task can't take this status: it has ended, or is not where the call needs it to be.
    FinalState,
}

impl ErrorClass {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Retryable,
        Self::Terminal,
        Self::Gone,
        Self::SessionDead,
        Self::FinalState,
    ];

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Retryable => "Retryable",
            Self::Terminal => "Terminal",
            Self::Gone => "Gone",
            Self::SessionDead => "SessionDead",
            Self::FinalState => "FinalState",
        }
    }
}

/// The call that an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallName {
    /// The service as it stands in the URL: `reach_entryvendortask`.
    pub service: &'static str,
    /// The action: `getJobs`.
    pub action: &'static str,
}

impl fmt::Display for CallName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.service, self.action)
    }
}

/// An exception of the API (`KalturaAPIException`), which comes with HTTP status 200 (spec 4.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiException {
    /// The code, such as `ENTRY_VENDOR_TASK_NOT_FOUND`.
    pub code: String,
    /// The server's sentence, scrubbed of secrets and cut to 500 characters.
    pub message: String,
    /// What the sentence was made of, such as `ID` or `KSID`; scrubbed like it.
    pub args: BTreeMap<String, String>,
}

/// The flavor asset that an add met.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExistingFlavor {
    /// The asset that is there.
    pub asset_id: crate::AssetId,
    /// What it was made by: the `flavorParamsId` that was to be added. `None` where the server doesn't say.
    pub flavor_params_id: Option<i64>,
}

/// What can go wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server refused the call and says why.
    #[error("{call}: {}: {}", exception.code, exception.message)]
    Api {
        /// The call.
        call: CallName,
        /// What the server says.
        exception: Box<ApiException>,
    },
    /// No answer in time. The call may have taken effect.
    #[error("{call}: no answer within {after_ms} ms")]
    Timeout {
        /// The call.
        call: CallName,
        /// How long was waited.
        after_ms: u64,
    },
    /// No connection: the call has not reached the server.
    #[error("{call}: no connection: {detail}")]
    Connect {
        /// The call.
        call: CallName,
        /// What the network says.
        detail: String,
    },
    /// The connection broke between request and answer. The call may have taken effect.
    #[error("{call}: connection broke: {detail}")]
    Broken {
        /// The call.
        call: CallName,
        /// What the network says.
        detail: String,
    },
    /// An HTTP status other than 200, without an API exception in the body.
    #[error("{call}: HTTP status {status}")]
    Http {
        /// The call.
        call: CallName,
        /// The status.
        status: u16,
    },
    /// The answer is something else than JSON: mostly the HTML page of a proxy.
    #[error("{call}: answer is not JSON: {bytes} bytes that begin with `{begins}`")]
    NotJson {
        /// The call.
        call: CallName,
        /// The first printable characters, at most 24.
        begins: String,
        /// The answer's size.
        bytes: usize,
    },
    /// The JSON ends in the middle.
    #[error("{call}: answer breaks off after {bytes} bytes")]
    Truncated {
        /// The call.
        call: CallName,
        /// What arrived.
        bytes: usize,
    },
    /// Nothing where an object was expected.
    #[error("{call}: answer is empty")]
    Empty {
        /// The call.
        call: CallName,
    },
    /// An answer larger than this client reads.
    #[error("{call}: answer is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The call.
        call: CallName,
        /// The most that is read.
        limit_bytes: usize,
    },
    /// JSON, but not of the shape that the contract promises.
    #[error("{call}: answer has the wrong shape{}: {what}", at_path(.at))]
    UnexpectedShape {
        /// The call.
        call: CallName,
        /// What was expected and what was found.
        what: String,
        /// Path of the value in the answer; empty for the answer itself.
        at: String,
    },
    /// updateJob answered success, yet the task has another status: the session may not set it (spec 1.1).
    #[error("task {task_id} was set to {} but has {}", wanted.name(), got.map_or("none", TaskStatus::name))]
    StatusNotTaken {
        /// The task.
        task_id: TaskId,
        /// The status that was sent.
        wanted: TaskStatus,
        /// The status that came back.
        got: Option<TaskStatus>,
    },
    /// A request that can't be made: nothing was sent.
    #[error("{what}: expected {expected}, found {found}")]
    Invalid {
        /// What is wrong: a setting, or a parameter.
        what: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What it is; never a secret.
        found: String,
    },
    /// The file to upload could not be read.
    #[error("upload of {file_name}: {detail}")]
    Source {
        /// The file.
        file_name: String,
        /// What the source says.
        detail: String,
    },
}

fn at_path(path: &str) -> String {
    if path.is_empty() {
        String::new()
    } else {
        format!(" at {path}")
    }
}

impl Error {
    /// What the error means for the caller.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Api { exception, .. } => exception.class(),
            Self::Http { status, .. } => match status {
                408 | 425 | 429 | 500..=599 => ErrorClass::Retryable,
                _ => ErrorClass::Terminal,
            },
            Self::Timeout { .. }
            | Self::Connect { .. }
            | Self::Broken { .. }
            | Self::NotJson { .. }
            | Self::Truncated { .. }
            | Self::Empty { .. }
            | Self::Source { .. }
            // The privilege may be granted meanwhile: never a reason to fail the order.
            | Self::StatusNotTaken { .. } => ErrorClass::Retryable,
            Self::TooLarge { .. } | Self::UnexpectedShape { .. } | Self::Invalid { .. } => ErrorClass::Terminal,
        }
    }

    /// A stable name for metrics, records and runbooks: the API's code, or the variant's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Api { exception, .. } => &exception.code,
            Self::Timeout { .. } => "Timeout",
            Self::Connect { .. } => "Connect",
            Self::Broken { .. } => "Broken",
            Self::Http { .. } => "Http",
            Self::NotJson { .. } => "NotJson",
            Self::Truncated { .. } => "Truncated",
            Self::Empty { .. } => "Empty",
            Self::TooLarge { .. } => "TooLarge",
            Self::UnexpectedShape { .. } => "UnexpectedShape",
            Self::StatusNotTaken { .. } => "StatusNotTaken",
            Self::Invalid { .. } => "Invalid",
            Self::Source { .. } => "Source",
        }
    }

    /// The API's exception, if that is what it was.
    pub fn exception(&self) -> Option<&ApiException> {
        match self {
            Self::Api { exception, .. } => Some(exception),
            _ => None,
        }
    }

    /// The API's code, if the server refused the call.
    pub fn code(&self) -> Option<&str> {
        self.exception().map(|exception| exception.code.as_str())
    }

    /// Whether the call may have taken effect although it failed. After an add, this means: look for the asset by its
    /// mark before adding another (spec 7: plain adds are never deduplicated).
    ///
    /// False where the server refused, and where no connection came about. An `INTERNAL_…` exception counts as true: the
    /// server stopped somewhere on the way.
    pub fn may_have_taken_effect(&self) -> bool {
        match self {
            Self::Api { exception, .. } => exception.code.starts_with("INTERNAL_"),
            Self::Connect { .. } | Self::Invalid { .. } | Self::Source { .. } => false,
            Self::Timeout { .. }
            | Self::Broken { .. }
            | Self::Http { .. }
            | Self::NotJson { .. }
            | Self::Truncated { .. }
            | Self::Empty { .. }
            | Self::TooLarge { .. }
            | Self::UnexpectedShape { .. }
            | Self::StatusNotTaken { .. } => true,
        }
    }

    /// Whether trying again within a second or two is worth it. Rate limits (`ACTION_BLOCKED`: a window of ten seconds,
    /// spec 4.3) and time-outs are not: those are for the one who can wait.
    pub(crate) fn is_quick(&self) -> bool {
        match self {
            Self::Api { exception, .. } => {
                exception.code.starts_with("INTERNAL_")
                    || matches!(
                        exception.code.as_str(),
                        "CANNOT_UPDATE_SCHEDULE_EVENT_FEATURE" | "UPLOAD_TOKEN_CANNOT_MATCH_EXPECTED_SIZE"
                    )
            }
            Self::Http { status, .. } => matches!(status, 500 | 502..=504),
            Self::Connect { .. } | Self::Broken { .. } | Self::Truncated { .. } | Self::Empty { .. } => true,
            _ => false,
        }
    }

    /// Whether this session may not make the call at all, alive though it is (spec 1.1).
    pub fn is_forbidden(&self) -> bool {
        matches!(self.code(), Some("SERVICE_FORBIDDEN" | "FEATURE_FORBIDDEN"))
    }

    /// Whether the entry is not there: deleted, most likely.
    pub fn is_entry_missing(&self) -> bool {
        self.code() == Some("ENTRY_ID_NOT_FOUND")
    }

    /// The flavor asset that stands in the way of an add (`FLAVOR_ASSET_ALREADY_EXISTS`): its content can be set instead
    /// (spec 7), if it is the vendor's own. `None` for any other error.
    pub fn existing_flavor(&self) -> Option<ExistingFlavor> {
        let exception = self
            .exception()
            .filter(|exception| exception.code == "FLAVOR_ASSET_ALREADY_EXISTS")?;
        Some(ExistingFlavor {
            asset_id: crate::AssetId::parse(exception.args.get("ASSET_ID")?).ok()?,
            flavor_params_id: exception.args.get("PARAMS_ID").and_then(|id| id.parse().ok()),
        })
    }

    /// The id of [`Self::existing_flavor`].
    pub fn existing_flavor_asset(&self) -> Option<crate::AssetId> {
        self.existing_flavor().map(|flavor| flavor.asset_id)
    }

    /// Why the session was refused (`EXPIRED`, `LOGOUT`, `INVALID_STR` …), where it was.
    pub fn session_fault(&self) -> Option<&str> {
        let exception = self
            .exception()
            .filter(|exception| exception.code == "INVALID_KS")?;
        exception
            .args
            .get("KSID")
            .map(String::as_str)
            .filter(|reason| !reason.is_empty())
    }
}

impl ApiException {
    /// The class of the code. Codes that are not named here are [`ErrorClass::Terminal`]: nothing says that they pass.
    pub fn class(&self) -> ErrorClass {
        match self.code.as_str() {
            "ENTRY_VENDOR_TASK_NOT_FOUND" => ErrorClass::Gone,

            "CANNOT_UPDATE_STATUS_OF_TASK_WHICH_IS_IN_FINAL_STATE"
            | "CANNOT_UPDATE_UNIT_USED_OF_TASK_WHICH_IS_IN_FINAL_STATE"
            | "ENTRY_VENDOR_TASK_ITEM_COULD_NOT_BE_UPDATED"
            // Only from PROCESSING and SCHEDULED (spec D5): a task of ours that is in neither has ended or was reset.
            | "CANNOT_EXTEND_ACCESS_KEY" => ErrorClass::FinalState,

            "INVALID_KS" if self.is_foreign_entry() => ErrorClass::Terminal,
            "INVALID_KS" => ErrorClass::SessionDead,

            "ACTION_BLOCKED"
            | "CANNOT_UPDATE_SCHEDULE_EVENT_FEATURE"
            // "Entry or asset missing, or session failure" (spec 1.4): in doubt, the one that passes.
            | "FAILED_EXTEND_ACCESS_KEY"
            | "START_SESSION_ERROR"
            | "UPLOAD_ERROR"
            | "UPLOAD_PARTIAL_ERROR"
            | "UPLOAD_TOKEN_CANNOT_MATCH_EXPECTED_SIZE"
            // The chunks that are missing may come yet.
            | "MAX_ALLOWED_CHUNK_COUNT_EXCEEDED"
            | "ATTACHMENT_ASSET_DOWNLOAD_FAILED"
            | "CAPTION_ASSET_DOWNLOAD_FAILED"
            | "ATTACHMENT_ASSET_IS_NOT_READY"
            | "CAPTION_ASSET_IS_NOT_READY"
            | "FLAVOR_ASSET_IS_NOT_READY" => ErrorClass::Retryable,
            code if code.starts_with("INTERNAL_") => ErrorClass::Retryable,

            _ => ErrorClass::Terminal,
        }
    }

    /// `INVALID_KS` because the call was about another entry than the key's: the key is alive (spec 4.3).
    fn is_foreign_entry(&self) -> bool {
        let arg = |name: &str| self.args.get(name).map(String::as_str);
        arg("ERR_CODE") == Some("-4")
            || arg("ERR_DESC") == Some("INVALID_TYPE")
            || self.message.contains("-4,INVALID_TYPE")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(code: &str, args: &[(&str, &str)]) -> Error {
        Error::Api {
            call: CallName {
                service: "reach_entryvendortask",
                action: "updateJob",
            },
            exception: Box::new(ApiException {
                code: code.to_owned(),
                message: String::new(),
                args: args
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect(),
            }),
        }
    }

    #[test]
    fn codes_of_the_spec_have_their_classes() {
        use ErrorClass::{FinalState, Gone, Retryable, SessionDead, Terminal};
        let table = [
            (Gone, &["ENTRY_VENDOR_TASK_NOT_FOUND"][..]),
            (SessionDead, &["INVALID_KS"]),
            (
                FinalState,
                &[
                    "CANNOT_EXTEND_ACCESS_KEY",
                    "CANNOT_UPDATE_STATUS_OF_TASK_WHICH_IS_IN_FINAL_STATE",
                    "CANNOT_UPDATE_UNIT_USED_OF_TASK_WHICH_IS_IN_FINAL_STATE",
                    "ENTRY_VENDOR_TASK_ITEM_COULD_NOT_BE_UPDATED",
                ],
            ),
            (
                Retryable,
                &[
                    "ACTION_BLOCKED",
                    "ATTACHMENT_ASSET_DOWNLOAD_FAILED",
                    "ATTACHMENT_ASSET_IS_NOT_READY",
                    "CANNOT_UPDATE_SCHEDULE_EVENT_FEATURE",
                    "CAPTION_ASSET_IS_NOT_READY",
                    "FAILED_EXTEND_ACCESS_KEY",
                    "INTERNAL_DATABASE_ERROR",
                    "INTERNAL_SERVERL_ERROR",
                    "MAX_ALLOWED_CHUNK_COUNT_EXCEEDED",
                    "START_SESSION_ERROR",
                    "UPLOAD_ERROR",
                    "UPLOAD_TOKEN_CANNOT_MATCH_EXPECTED_SIZE",
                ],
            ),
            (
                Terminal,
                &[
                    "A_CODE_OF_NEXT_YEAR",
                    "APP_TOKEN_EXPIRED",
                    "APP_TOKEN_ID_NOT_FOUND",
                    "APP_TOKEN_NOT_ACTIVE",
                    "ATTACHMENT_ASSET_ID_NOT_FOUND",
                    "CANNOT_ABORT_NOT_MODERATED_TASK",
                    "CAPTION_ASSET_ALREADY_EXISTS",
                    "CAPTION_ASSET_ID_NOT_FOUND",
                    "CUE_POINT_SYSTEM_NAME_EXISTS",
                    "ENTRY_ID_NOT_FOUND",
                    "FEATURE_FORBIDDEN",
                    "FEATURE_NAME_NOT_FOUND",
                    "FLAVOR_ASSET_ALREADY_EXISTS",
                    "FLAVOR_ASSET_ID_NOT_FOUND",
                    "INVALID_APP_TOKEN_HASH",
                    "INVALID_ENUM_VALUE",
                    "INVALID_LANGUAGE_CODE",
                    "INVALID_OBJECT_ID",
                    "INVALID_PARAMETER_CHAR",
                    "INVALID_SCHEDULE_EVENT_TYPE",
                    "INVALID_WIDGET_ID",
                    "MISSING_KS",
                    "MISSING_MANDATORY_PARAMETER",
                    "PARTNER_DATA_NOT_VALID_JSON_STRING",
                    "PROPERTY_VALIDATION_CANNOT_BE_NULL",
                    "PROPERTY_VALIDATION_NOT_UPDATABLE",
                    "SERVICE_FORBIDDEN",
                    "SPHINX_CRITERIA_EXCEEDED_MAX_MATCHES_ALLOWED",
                    "START_TIME_CANNOT_BE_LESS_THAN_0",
                    "START_TIME_IS_BIGGER_THAN_ENTRY_END_TIME",
                    "UPLOADED_FILE_NOT_FOUND_BY_TOKEN",
                    "UPLOAD_PASSED_MAX_RESUME_TIME_ALLOWED",
                    "UPLOAD_TOKEN_CANNOT_RESUME",
                    "UPLOAD_TOKEN_FILE_TYPE_RESTRICTED_FOR_UPLOAD",
                    "UPLOAD_TOKEN_INVALID_STATUS_FOR_UPLOAD",
                    "UPLOAD_TOKEN_MISSING_FILE_SIZE",
                    "UPLOAD_TOKEN_NOT_FOUND",
                    "VENDOR_TASK_SERVICE__GET_JOB_NOT_ALLOWED",
                ],
            ),
        ];
        for (class, codes) in table {
            for code in codes {
                assert_eq!(api(code, &[]).class(), class, "{code}");
            }
        }
    }

    #[test]
    fn a_dead_session_is_told_from_a_foreign_entry() {
        let expired = api(
            "INVALID_KS",
            &[
                ("KSID", "EXPIRED"),
                ("ERR_CODE", "-1"),
                ("ERR_DESC", "INVALID_STR"),
            ],
        );
        assert_eq!(expired.class(), ErrorClass::SessionDead);
        assert_eq!(expired.session_fault(), Some("EXPIRED"));
        let foreign = api(
            "INVALID_KS",
            &[("KSID", ""), ("ERR_CODE", "-4"), ("ERR_DESC", "INVALID_TYPE")],
        );
        assert_eq!(foreign.class(), ErrorClass::Terminal);
        assert_eq!(foreign.session_fault(), None);
    }

    #[test]
    fn the_flavor_in_the_way_is_named() {
        let error = api(
            "FLAVOR_ASSET_ALREADY_EXISTS",
            &[("ASSET_ID", "0_abc"), ("PARAMS_ID", "200")],
        );
        let flavor = error.existing_flavor().unwrap();
        assert_eq!(
            (flavor.asset_id.as_str(), flavor.flavor_params_id),
            ("0_abc", Some(200))
        );
        assert_eq!(error.existing_flavor_asset(), Some(flavor.asset_id));
        assert_eq!(
            api("ENTRY_ID_NOT_FOUND", &[("ASSET_ID", "0_abc")]).existing_flavor(),
            None
        );
        assert!(!error.may_have_taken_effect());
    }
}
