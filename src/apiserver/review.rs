//! What somebody may do: the reviews of `authorization.k8s.io` and `authentication.k8s.io` about oneself.
//!
//! Mirrors pkg/registry/authorization and authentication/selfsubjectreview, with the authorizer AlwaysAllow.
//! Leaves out: reviews about others, and these groups in discovery.

use serde_json::{Value, json};

use crate::api::{FieldError, Reason, Status};

/// The reviews there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Review {
    Access,
    Rules,
    Subject,
}

/// The review that a path names.
pub fn of(group: &str, version: &str, rest: &[&str]) -> Option<Review> {
    match (group, version, rest) {
        ("authorization.k8s.io", "v1", ["selfsubjectaccessreviews"]) => Some(Review::Access),
        ("authorization.k8s.io", "v1", ["selfsubjectrulesreviews"]) => Some(Review::Rules),
        ("authentication.k8s.io", "v1", ["selfsubjectreviews"]) => Some(Review::Subject),
        _ => None,
    }
}

impl Review {
    fn kind(self) -> (&'static str, &'static str) {
        match self {
            Review::Access => ("authorization.k8s.io", "SelfSubjectAccessReview"),
            Review::Rules => ("authorization.k8s.io", "SelfSubjectRulesReview"),
            Review::Subject => ("authentication.k8s.io", "SelfSubjectReview"),
        }
    }

    /// The review, answered.
    ///
    /// # Errors
    /// A body of another kind, and an access review of nothing or of two things.
    pub fn answer(self, user: &str, body: &Value) -> Result<Value, Status> {
        let (group, kind) = self.kind();
        if let Some(given) = body["kind"].as_str().filter(|given| *given != kind) {
            let why = format!("{given} in version \"{group}/v1\" cannot be handled as a {kind}");
            return Err(Status::new(Reason::BadRequest, why));
        }
        let spec = &body["spec"];
        let status = match self {
            Review::Access => {
                if spec["resourceAttributes"].is_object() == spec["nonResourceAttributes"].is_object() {
                    let error = FieldError {
                        field: "spec.resourceAttributes".to_owned(),
                        reason: "FieldValueInvalid",
                        message: "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified".to_owned(),
                    };
                    return Err(Status::invalid_as(group, kind, "", &[error]));
                }
                json!({"allowed": true})
            }
            Review::Rules => json!({
                "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
                "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
                "incomplete": false,
            }),
            Review::Subject => {
                json!({"userInfo": {"username": user, "groups": ["kubeadm:cluster-admins", "system:authenticated"]}})
            }
        };
        let mut answer = json!({"kind": kind, "apiVersion": format!("{group}/v1"), "metadata": {}, "status": status});
        if spec.is_object() {
            answer["spec"] = spec.clone();
        }
        Ok(answer)
    }
}
