//! API failures: `metav1.Status` with the true reasons and messages of `apimachinery/pkg/api/errors`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Status as MetaStatus, StatusCause, StatusDetails};

use super::kind::{FieldError, KindInfo};

/// Why a request failed: `metav1.StatusReason`, with the HTTP code that goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    AlreadyExists,
    BadRequest,
    Conflict,
    Expired,
    Forbidden,
    Gone,
    InternalError,
    Invalid,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    RequestEntityTooLarge,
    ServiceUnavailable,
    Timeout,
    TooManyRequests,
    Unauthorized,
    UnsupportedMediaType,
}

impl Reason {
    /// The reason's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::AlreadyExists => "AlreadyExists",
            Reason::BadRequest => "BadRequest",
            Reason::Conflict => "Conflict",
            Reason::Expired => "Expired",
            Reason::Forbidden => "Forbidden",
            Reason::Gone => "Gone",
            Reason::InternalError => "InternalError",
            Reason::Invalid => "Invalid",
            Reason::MethodNotAllowed => "MethodNotAllowed",
            Reason::NotAcceptable => "NotAcceptable",
            Reason::NotFound => "NotFound",
            Reason::RequestEntityTooLarge => "RequestEntityTooLarge",
            Reason::ServiceUnavailable => "ServiceUnavailable",
            Reason::Timeout => "Timeout",
            Reason::TooManyRequests => "TooManyRequests",
            Reason::Unauthorized => "Unauthorized",
            Reason::UnsupportedMediaType => "UnsupportedMediaType",
        }
    }

    /// The HTTP status code.
    pub fn code(self) -> u16 {
        match self {
            Reason::BadRequest => 400,
            Reason::Unauthorized => 401,
            Reason::Forbidden => 403,
            Reason::NotFound => 404,
            Reason::MethodNotAllowed => 405,
            Reason::NotAcceptable => 406,
            Reason::AlreadyExists | Reason::Conflict => 409,
            Reason::Expired | Reason::Gone => 410,
            Reason::RequestEntityTooLarge => 413,
            Reason::UnsupportedMediaType => 415,
            Reason::Invalid => 422,
            Reason::TooManyRequests => 429,
            Reason::InternalError => 500,
            Reason::ServiceUnavailable => 503,
            Reason::Timeout => 504,
        }
    }
}

/// An API failure: a value, never a panic.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    pub reason: Reason,
    pub message: String,
    pub details: Option<StatusDetails>,
}

impl Status {
    /// A failure with a message and nothing more.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Status { reason, message: message.into(), details: None }
    }

    fn about(reason: Reason, kind: &KindInfo, name: &str, message: String) -> Self {
        let details = StatusDetails {
            name: Some(name.to_owned()).filter(|name| !name.is_empty()),
            group: Some(kind.group.to_owned()).filter(|group| !group.is_empty()),
            kind: Some(kind.plural.to_owned()),
            ..StatusDetails::default()
        };
        Status { reason, message, details: Some(details) }
    }

    /// `pods "web" not found`.
    pub fn not_found(kind: &KindInfo, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", kind.group_resource());
        Status::about(Reason::NotFound, kind, name, message)
    }

    /// `pods "web" already exists`.
    pub fn already_exists(kind: &KindInfo, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", kind.group_resource());
        Status::about(Reason::AlreadyExists, kind, name, message)
    }

    /// `Operation cannot be fulfilled on pods "web": …`.
    pub fn conflict(kind: &KindInfo, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.group_resource());
        Status::about(Reason::Conflict, kind, name, message)
    }

    /// `pods "web" is forbidden: …`.
    pub fn forbidden(kind: &KindInfo, name: &str, why: &str) -> Self {
        let message = format!("{} \"{name}\" is forbidden: {why}", kind.group_resource());
        Status::about(Reason::Forbidden, kind, name, message)
    }

    /// `Deployment.apps "web" is invalid: …`, with a cause per finding.
    pub fn invalid(kind: &KindInfo, name: &str, errors: &[FieldError]) -> Self {
        Status::invalid_as(kind.group, kind.kind, name, errors)
    }

    /// The same for what is no registered kind: `Scale` of `autoscaling`, `CreateOptions` of `meta.k8s.io`.
    pub fn invalid_as(group: &str, kind: &str, name: &str, errors: &[FieldError]) -> Self {
        let group_kind = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        let findings: Vec<String> = errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
        // `field.ErrorList.ToAggregate` drops repeated messages.
        let mut unique: Vec<&str> = Vec::new();
        for finding in &findings {
            if !unique.contains(&finding.as_str()) {
                unique.push(finding);
            }
        }
        let list = match unique.as_slice() {
            [one] => (*one).to_owned(),
            many => format!("[{}]", many.join(", ")),
        };
        let causes = errors
            .iter()
            .map(|error| StatusCause {
                field: Some(error.field.clone()),
                message: Some(error.message.clone()),
                reason: Some(error.reason.to_owned()),
            })
            .collect();
        Status {
            reason: Reason::Invalid,
            message: format!("{group_kind} \"{name}\" is invalid: {list}"),
            details: Some(StatusDetails {
                name: Some(name.to_owned()).filter(|name| !name.is_empty()),
                group: Some(group.to_owned()).filter(|group| !group.is_empty()),
                kind: Some(kind.to_owned()),
                causes: Some(causes),
                ..StatusDetails::default()
            }),
        }
    }

    /// The body of the response.
    pub fn to_meta(&self) -> MetaStatus {
        MetaStatus {
            status: Some("Failure".to_owned()),
            message: Some(self.message.clone()),
            reason: Some(self.reason.as_str().to_owned()),
            details: self.details.clone(),
            code: Some(i32::from(self.reason.code())),
            ..MetaStatus::default()
        }
    }
}
