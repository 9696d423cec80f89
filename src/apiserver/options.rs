//! Query parameters: `ListOptions`, `DeleteOptions` and what the writing verbs take.
//!
//! Mirrors apimachinery's metav1 options with `ValidateListOptions`. Leaves out: shard selectors.

use serde_json::Value;

use crate::api::decode::FieldValidation;
use crate::api::selectors::{FieldSelector, LabelSelector};
use crate::api::{FieldError, KindInfo, Method, Reason, Request, Status};

use super::continue_token;

/// How exactly a list must be of the revision it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionMatch {
    Exact,
    NotOlderThan,
}

/// What a list or watch asks for.
#[derive(Clone, Debug)]
pub struct ListOptions {
    pub labels: LabelSelector,
    pub fields: FieldSelector,
    /// `None`: the newest, consistently. `Some(0)`: whatever is there.
    pub resource_version: Option<u64>,
    pub version_match: Option<VersionMatch>,
    /// 0 for no limit.
    pub limit: usize,
    /// Where the last page ended.
    pub token: Option<continue_token::Token>,
    pub bookmarks: bool,
    pub send_initial_events: Option<bool>,
    pub timeout_seconds: Option<u64>,
}

fn invalid(field: &str, reason: &'static str, message: String) -> Status {
    invalid_options("ListOptions", FieldError { field: field.to_owned(), reason, message })
}

/// What is wrong with the options of a request.
pub(super) fn invalid_options(kind: &str, error: FieldError) -> Status {
    Status::invalid_as("meta.k8s.io", kind, "", &[error])
}

/// The options that a writing request has.
fn options_kind(request: &Request) -> &'static str {
    match request.method {
        Method::Delete => "DeleteOptions",
        Method::Patch => "PatchOptions",
        Method::Put => "UpdateOptions",
        Method::Get | Method::Post => "CreateOptions",
    }
}

fn flag(request: &Request, name: &str) -> Result<Option<bool>, Status> {
    match request.param(name) {
        None => Ok(None),
        // `Convert_Slice_string_To_bool`: anything but these is true.
        Some(text) => Ok(Some(!matches!(text.to_ascii_lowercase().as_str(), "false" | "0"))),
    }
}

fn number(request: &Request, name: &str) -> Result<Option<i64>, Status> {
    match request.param(name) {
        None | Some("") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| {
            Status::new(Reason::BadRequest, format!("strconv.ParseInt: parsing \"{text}\": invalid syntax"))
        }),
    }
}

impl ListOptions {
    /// Reads them from a request for `info`.
    ///
    /// # Errors
    /// What cannot be parsed, and combinations that make no sense.
    pub fn read(request: &Request, info: &KindInfo) -> Result<Self, Status> {
        let bad = |message: String| Status::new(Reason::BadRequest, message);
        let labels = LabelSelector::parse(request.param("labelSelector").unwrap_or_default()).map_err(bad)?;
        let fields = FieldSelector::parse(request.param("fieldSelector").unwrap_or_default()).map_err(bad)?;
        fields.check(info)?;
        let resource_version = match request.param("resourceVersion") {
            None | Some("") => None,
            Some(text) => Some(text.parse().map_err(|_| {
                let why = format!("Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax");
                invalid("resourceVersion", "FieldValueInvalid", why)
            })?),
        };
        let token = match request.param("continue") {
            None | Some("") => None,
            Some(text) => Some(continue_token::decode(text)?),
        };
        let version_match = match request.param("resourceVersionMatch") {
            None | Some("") => None,
            Some("Exact") => Some(VersionMatch::Exact),
            Some("NotOlderThan") => Some(VersionMatch::NotOlderThan),
            Some(other) => {
                let why = format!("Unsupported value: \"{other}\": supported values: \"Exact\", \"NotOlderThan\"");
                return Err(invalid("resourceVersionMatch", "FieldValueNotSupported", why));
            }
        };
        let options = ListOptions {
            labels,
            fields,
            resource_version,
            version_match,
            limit: number(request, "limit")?.unwrap_or(0).max(0) as usize,
            token,
            bookmarks: flag(request, "allowWatchBookmarks")?.unwrap_or(false),
            send_initial_events: flag(request, "sendInitialEvents")?,
            timeout_seconds: number(request, "timeoutSeconds")?.map(|seconds| seconds.max(0) as u64),
        };
        options.check(request.is_watch())?;
        Ok(options)
    }

    /// `ValidateListOptions`.
    fn check(&self, watch: bool) -> Result<(), Status> {
        let forbidden =
            |field: &str, why: &str| Err(invalid(field, "FieldValueForbidden", format!("Forbidden: {why}")));
        if watch {
            return match (self.send_initial_events, self.version_match) {
                (None, Some(_)) => forbidden(
                    "resourceVersionMatch",
                    "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
                ),
                (Some(_), None | Some(VersionMatch::Exact)) => forbidden(
                    "resourceVersionMatch",
                    "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
                ),
                _ => Ok(()),
            };
        }
        if self.send_initial_events.is_some() {
            return forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list");
        }
        if self.version_match.is_some() && self.resource_version.is_none() {
            return forbidden(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden unless resourceVersion is provided",
            );
        }
        if self.version_match.is_some() && self.token.is_some() {
            return forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided");
        }
        if self.version_match == Some(VersionMatch::Exact) && self.resource_version == Some(0) {
            return forbidden(
                "resourceVersionMatch",
                "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
            );
        }
        if self.token.is_some() && self.resource_version.is_some_and(|version| version != 0) {
            let why = "specifying resource version is not allowed when using continue";
            return Err(Status::new(Reason::BadRequest, why));
        }
        Ok(())
    }
}

/// What becomes of the dependents of a deleted object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// What a deletion asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteOptions {
    pub grace_period_seconds: Option<i64>,
    pub propagation: Option<Propagation>,
    pub uid: Option<String>,
    pub resource_version: Option<String>,
    pub dry_run: bool,
}

impl DeleteOptions {
    /// Reads them from the body and the query.
    ///
    /// # Errors
    /// What has the wrong type, and policies there are not.
    pub fn read(request: &Request, body: Option<&Value>) -> Result<Self, Status> {
        let mut options = DeleteOptions::default();
        let field = |name: &str| body.and_then(|body| body.get(name)).filter(|value| !value.is_null());
        options.grace_period_seconds = match field("gracePeriodSeconds") {
            Some(value) => Some(value.as_i64().ok_or_else(|| {
                Status::new(
                    Reason::BadRequest,
                    "json: cannot unmarshal into Go struct field DeleteOptions.gracePeriodSeconds of type int64",
                )
            })?),
            None => number(request, "gracePeriodSeconds")?,
        };
        let policy = field("propagationPolicy").and_then(Value::as_str).or_else(|| request.param("propagationPolicy"));
        let orphan = field("orphanDependents").and_then(Value::as_bool).or(flag(request, "orphanDependents")?);
        options.propagation = match (policy, orphan) {
            (None, None) => None,
            (Some("Background"), _) | (None, Some(false)) => Some(Propagation::Background),
            (Some("Foreground"), _) => Some(Propagation::Foreground),
            (Some("Orphan"), _) | (None, Some(true)) => Some(Propagation::Orphan),
            (Some(other), _) => {
                let supported = "supported values: \"Background\", \"Foreground\", \"Orphan\"";
                let error = FieldError {
                    field: "propagationPolicy".to_owned(),
                    reason: "FieldValueNotSupported",
                    message: format!("Unsupported value: \"{other}\": {supported}, \"nil\""),
                };
                return Err(invalid_options("DeleteOptions", error));
            }
        };
        if let Some(preconditions) = field("preconditions") {
            let text = |name: &str| preconditions.get(name).and_then(Value::as_str).map(str::to_owned);
            options.uid = text("uid");
            options.resource_version = text("resourceVersion");
        }
        let in_body = field("dryRun").and_then(Value::as_array).is_some_and(|stages| !stages.is_empty());
        options.dry_run = in_body || dry_run(request)?;
        Ok(options)
    }
}

/// Whether nothing is to be stored.
///
/// # Errors
/// A stage other than `All`.
pub fn dry_run(request: &Request) -> Result<bool, Status> {
    match request.param("dryRun") {
        None | Some("") => Ok(false),
        Some("All") => Ok(true),
        Some(other) => {
            let error = FieldError {
                field: "dryRun".to_owned(),
                reason: "FieldValueNotSupported",
                message: format!("Unsupported value: [\"{other}\"]: supported values: \"All\""),
            };
            Err(invalid_options(options_kind(request), error))
        }
    }
}

/// What becomes of fields nobody knows; the server's default is to warn.
///
/// # Errors
/// A value there is not.
pub fn field_validation(request: &Request) -> Result<FieldValidation, Status> {
    FieldValidation::parse(request.param("fieldValidation"))
        .map_err(|error| invalid_options(options_kind(request), error))
}
