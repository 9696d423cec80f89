//! `serviceaccounts/token`: a token for a pod, answered and not stored.
//!
//! Mirrors pkg/registry/core/serviceaccount/storage/token.go. Leaves out: a signature that proves anything.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::api::decode::json_writer::Json;
use crate::api::{Body, Kind, Message, Status, time};
use crate::sim::{Ctx, TraceHash};

use super::super::route::Resource;
use super::super::server::ApiServer;
use super::super::stage::{Call, Stage};
use super::body;

/// `--service-account-issuer`.
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
/// `defaultExpirationSeconds` of TokenRequestSpec.
const EXPIRATION_SECONDS: i64 = 3_600;

impl ApiServer {
    /// Answers a TokenRequest.
    pub(super) fn token(&mut self, ctx: &mut Ctx<'_, Message>, mut call: Call, resource: Resource) {
        call.stage(ctx, Stage::DecodingAndDefaulting);
        let asked = match body::value(&call.request) {
            Ok(asked) => asked.unwrap_or_default(),
            Err(status) => return self.respond(ctx, call, Err(status)),
        };
        call.stage(ctx, Stage::Validation);
        call.stage(ctx, Stage::Registry);
        let Some(account) = self.cache.get(Kind::ServiceAccount, &resource.key()) else {
            let status = Status::not_found(Kind::ServiceAccount.info(), &resource.name);
            return self.respond(ctx, call, Err(status));
        };
        let seconds = asked.pointer("/spec/expirationSeconds").and_then(Value::as_i64).unwrap_or(EXPIRATION_SECONDS);
        let audiences = match asked.pointer("/spec/audiences") {
            Some(Value::Array(audiences)) if !audiences.is_empty() => json!(audiences),
            _ => json!([ISSUER]),
        };
        let now = ctx.unix_micros();
        let bound = asked.pointer("/spec/boundObjectRef").cloned().unwrap_or(Value::Null);
        let claims = json!({
            "aud": audiences,
            "exp": now / 1_000_000 + seconds,
            "iat": now / 1_000_000,
            "iss": ISSUER,
            "kubernetes.io": {
                "namespace": &*resource.namespace,
                "serviceaccount": {"name": &*resource.name, "uid": account.uid()},
                "pod": {"name": bound["name"], "uid": bound["uid"]},
            },
            "nbf": now / 1_000_000,
            "sub": format!("system:serviceaccount:{}:{}", resource.namespace, resource.name),
        });
        let mut spec = json!({"audiences": audiences, "expirationSeconds": seconds});
        if !bound.is_null() {
            spec["boundObjectRef"] = bound;
        }
        let token = json!({
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {
                "name": &*resource.name,
                "namespace": &*resource.namespace,
                "creationTimestamp": time::rfc3339(&time::time(now)),
            },
            "spec": spec,
            "status": {
                "token": jwt(&claims),
                "expirationTimestamp": time::rfc3339(&time::time(now + seconds * 1_000_000)),
            },
        });
        self.respond(ctx, call, Ok((201, Body::Json(Arc::new(token)))));
    }
}

/// Looks like a JSON web token; its signature is a digest.
fn jwt(claims: &Value) -> String {
    let header = json!({"alg": "RS256", "kid": "kubarium"});
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.json()), URL_SAFE_NO_PAD.encode(claims.json()));
    let signature = URL_SAFE_NO_PAD.encode(TraceHash::of(&signed).to_be_bytes());
    format!("{signed}.{signature}")
}
