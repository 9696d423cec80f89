//! A small API server that stores objects as JSON, without defaults, validation or controllers: what the
//! stub was that the corpus was captured from.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ListMeta, StatusCause, StatusDetails};
use serde_json::{Value, json};

use crate::api::http::{List, content_type};
use crate::api::selectors::LabelSelector;
use crate::api::{
    Body, CallId, KINDS, Message, Method, Object, Reason, Request, Response, Status, WatchEvent, WatchType, find_kind,
    find_resource, patch,
};
use crate::sim::{Ctx, Envelope, Process, ProcessId};

/// Resources beside the registered ones: plural, group, version, kind, short name, in `all`.
const OTHERS: &[(&str, &str, &str, &str, &str, bool)] = &[
    ("persistentvolumeclaims", "", "v1", "PersistentVolumeClaim", "pvc", false),
    ("replicationcontrollers", "", "v1", "ReplicationController", "rc", true),
    ("daemonsets", "apps", "v1", "DaemonSet", "ds", true),
    ("statefulsets", "apps", "v1", "StatefulSet", "sts", true),
    ("cronjobs", "batch", "v1", "CronJob", "cj", true),
    ("jobs", "batch", "v1", "Job", "", true),
    ("horizontalpodautoscalers", "autoscaling", "v2", "HorizontalPodAutoscaler", "hpa", true),
];

/// The server.
#[derive(Clone, Debug, Default)]
pub struct Fake {
    /// In the order they were created.
    pub objects: Vec<Value>,
    /// Server-side tables by kind; rows name their namespace in `ns`.
    pub tables: BTreeMap<String, Value>,
    /// The answer to the next write.
    pub refuse: Option<Status>,
    /// Warnings that go with the next write.
    pub warnings: Vec<Arc<str>>,
    /// The answer to every eviction.
    pub evictions: Option<Status>,
    /// What `GET …/log` gives.
    pub log: String,
    /// Watches: caller, call, plural.
    watches: Vec<(ProcessId, CallId, String)>,
    revision: u64,
}

/// A path taken apart.
#[derive(Clone, Debug, Default)]
struct Place {
    group: String,
    version: String,
    plural: String,
    namespace: String,
    name: String,
    sub: String,
}

impl Place {
    fn of(path: &str) -> Place {
        let mut parts = path.trim_start_matches('/').split('/').map(str::to_owned);
        let mut place = Place::default();
        if parts.next().as_deref() == Some("apis") {
            place.group = parts.next().unwrap_or_default();
        }
        place.version = parts.next().unwrap_or_default();
        let rest: Vec<String> = parts.collect();
        let rest = match rest.as_slice() {
            [word, namespace, rest @ ..] if word == "namespaces" && !rest.is_empty() => {
                place.namespace.clone_from(namespace);
                rest
            }
            rest => rest,
        };
        let part = |index: usize| rest.get(index).cloned().unwrap_or_default();
        (place.plural, place.name, place.sub) = (part(0), part(1), part(2));
        place
    }

    fn kind(&self) -> String {
        match find_resource(&self.group, &self.version, &self.plural) {
            Some(info) => info.kind.to_owned(),
            None => {
                let other = OTHERS.iter().find(|other| other.0 == self.plural);
                other.map(|other| other.3.to_owned()).unwrap_or_default()
            }
        }
    }

    fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    fn is(&self, object: &Value) -> bool {
        object["apiVersion"] == self.api_version()
            && object["kind"] == self.kind()
            && (self.namespace.is_empty() || object["metadata"]["namespace"] == self.namespace.as_str())
    }

    fn missing(&self) -> Status {
        let resource =
            if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) };
        Status::new(Reason::NotFound, format!("{resource} \"{}\" not found", self.name))
    }
}

/// The status of the corpus, read.
pub fn status(value: &Value) -> Status {
    let reasons = [
        Reason::AlreadyExists,
        Reason::BadRequest,
        Reason::Conflict,
        Reason::Forbidden,
        Reason::Invalid,
        Reason::NotFound,
        Reason::TooManyRequests,
        Reason::UnsupportedMediaType,
        Reason::InternalError,
    ];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let details = value.get("details").map(|details| StatusDetails {
        name: text(&details["name"]),
        group: text(&details["group"]),
        kind: text(&details["kind"]),
        causes: details["causes"].as_array().map(|causes| {
            let cause = |cause: &Value| StatusCause {
                field: text(&cause["field"]),
                message: text(&cause["message"]),
                reason: text(&cause["reason"]),
            };
            causes.iter().map(cause).collect()
        }),
        ..StatusDetails::default()
    });
    let reason = reasons.into_iter().find(|reason| value["reason"] == reason.as_str());
    let message = text(&value["message"]).unwrap_or_default();
    Status { reason: reason.unwrap_or(Reason::InternalError), message, details }
}

fn discovery(root: &str) -> Value {
    let mut groups: BTreeMap<(usize, String, String), Vec<Value>> = BTreeMap::new();
    let order = ["", "apps", "batch", "autoscaling"];
    let mut add = |group: &str, version: &str, entry: Value| {
        let place = order.iter().position(|known| *known == group).unwrap_or(order.len());
        groups.entry((place, group.to_owned(), version.to_owned())).or_default().push(entry);
    };
    for info in KINDS {
        let scope = if info.namespaced() { "Namespaced" } else { "Cluster" };
        add(
            info.group,
            info.version,
            json!({
                "resource": info.plural, "singularResource": info.singular, "scope": scope, "verbs": info.verbs,
                "responseKind": {"group": info.group, "version": info.version, "kind": info.kind},
                "shortNames": info.short_names, "categories": info.categories,
            }),
        );
    }
    for (plural, group, version, kind, short, all) in OTHERS {
        add(
            group,
            version,
            json!({
                "resource": plural, "singularResource": kind.to_lowercase(), "scope": "Namespaced",
                "verbs": ["get", "list"], "responseKind": {"kind": kind}, "shortNames": [short],
                "categories": if *all { vec!["all"] } else { vec![] },
            }),
        );
    }
    let items: Vec<Value> = groups
        .into_iter()
        .filter(|((_, group, _), _)| (root == "/api") == group.is_empty())
        .map(|((_, group, version), resources)| {
            json!({"metadata": {"name": group}, "versions": [{"version": version, "resources": resources}]})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": items})
}

/// An object as the real server would send it: typed where its kind is registered.
fn body(value: &Value) -> Body {
    match typed(value) {
        Some(object) => Body::Object(Arc::new(object)),
        None => Body::Json(Arc::new(value.clone())),
    }
}

fn typed(value: &Value) -> Option<Object> {
    let api_version = value["apiVersion"].as_str()?;
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let info = find_kind(group, version, value["kind"].as_str()?)?;
    Object::from_value(info.id, value, &mut |_| {}).ok()
}

impl Fake {
    /// A server with these objects.
    pub fn with(objects: Vec<Value>) -> Fake {
        Fake { objects, log: "hello from log\n".to_owned(), ..Fake::default() }
    }

    fn answer(&mut self, request: &Request) -> Result<Body, Status> {
        match &*request.path {
            "/api" | "/apis" => return Ok(Body::Json(discovery(&request.path).into())),
            "/version" => return Ok(Body::Json(json!({"gitVersion": "v1.36.0", "major": "1"}).into())),
            path if path.starts_with("/openapi/v3") => return Ok(Body::Json(json!({"paths": {}}).into())),
            _ => {}
        }
        let place = Place::of(&request.path);
        if request.method != Method::Get
            && !(request.method == Method::Post && place.sub == "eviction")
            && let Some(status) = self.refuse.take()
        {
            return Err(status);
        }
        if request.method == Method::Get
            && request.accept.contains("as=Table")
            && self.tables.contains_key(&place.kind())
        {
            return Ok(Body::Json(self.table(&place).into()));
        }
        let found = self
            .objects
            .iter()
            .position(|object| place.is(object) && object["metadata"]["name"] == place.name.as_str());
        match (request.method, place.sub.as_str()) {
            (Method::Get, "") if place.name.is_empty() => Ok(self.list(&place, request)),
            (Method::Get, "log") => Ok(Body::Text(Arc::from(self.log.as_str()))),
            (Method::Get, "scale") => {
                let replicas = &self.objects[found.ok_or_else(|| place.missing())?]["spec"]["replicas"];
                Ok(Body::Json(json!({"kind": "Scale", "spec": {"replicas": replicas}}).into()))
            }
            (Method::Get, _) => Ok(body(&self.objects[found.ok_or_else(|| place.missing())?])),
            (Method::Post, "eviction") => {
                if let Some(status) = &self.evictions {
                    return Err(status.clone());
                }
                self.objects.remove(found.ok_or_else(|| place.missing())?);
                Ok(Body::Json(json!({"kind": "Status", "status": "Success"}).into()))
            }
            (Method::Post, _) => self.create(&place, request),
            (Method::Put | Method::Patch, _) => {
                let found = found.ok_or_else(|| place.missing())?;
                self.change(found, request)
            }
            (Method::Delete, _) => {
                let found = found.ok_or_else(|| place.missing())?;
                Ok(body(&self.objects.remove(found)))
            }
        }
    }

    fn table(&self, place: &Place) -> Value {
        let mut table = self.tables[&place.kind()].clone();
        let rows = table["rows"].as_array().cloned().unwrap_or_default();
        let fits = |row: &Value| {
            let namespace = row["object"]["metadata"]["namespace"].as_str().unwrap_or_default();
            (place.namespace.is_empty() || namespace == place.namespace)
                && (place.name.is_empty() || row["object"]["metadata"]["name"] == place.name.as_str())
        };
        table["rows"] = rows.into_iter().filter(fits).collect();
        table
    }

    fn list(&self, place: &Place, request: &Request) -> Body {
        let labels = LabelSelector::parse(request.param("labelSelector").unwrap_or_default()).expect("it parses");
        let fields = request.param("fieldSelector").unwrap_or_default().to_owned();
        let empty = BTreeMap::new();
        let fits = |object: &&Value| {
            let own: BTreeMap<String, String> =
                serde_json::from_value(object["metadata"]["labels"].clone()).unwrap_or_else(|_| empty.clone());
            place.is(object) && labels.matches(&own) && fields.split(',').all(|term| field_fits(object, term))
        };
        let found: Vec<&Value> = self.objects.iter().filter(fits).collect();
        let info = find_resource(&place.group, &place.version, &place.plural);
        match info {
            Some(info) => {
                let items = found.into_iter().filter_map(typed).map(Arc::new).collect();
                let metadata = ListMeta { resource_version: Some(self.revision.to_string()), ..ListMeta::default() };
                Body::List(Arc::new(List { kind: info.id, metadata, items }))
            }
            None => Body::Json(json!({"kind": "List", "metadata": {}, "items": found}).into()),
        }
    }

    fn create(&mut self, place: &Place, request: &Request) -> Result<Body, Status> {
        let Body::Json(object) = &request.body else { panic!("kubectl sends JSON") };
        let mut object = (**object).clone();
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        if self.objects.iter().any(|known| place.is(known) && known["metadata"]["name"] == name.as_str()) {
            let resource =
                if place.group.is_empty() { place.plural.clone() } else { format!("{}.{}", place.plural, place.group) };
            return Err(Status::new(Reason::AlreadyExists, format!("{resource} \"{name}\" already exists")));
        }
        if !place.namespace.is_empty() {
            object["metadata"]["namespace"] = json!(place.namespace);
        }
        object["metadata"]["uid"] = json!(format!("uid-{}", self.objects.len()));
        self.objects.push(object.clone());
        Ok(body(&object))
    }

    fn change(&mut self, found: usize, request: &Request) -> Result<Body, Status> {
        let Body::Json(change) = &request.body else { panic!("kubectl sends JSON") };
        let current = self.objects[found].clone();
        let kind = typed(&current).map_or(crate::api::Kind::Pod, |object| object.kind());
        let new = match request.content_type {
            content_type::MERGE_PATCH => patch::merge_patch(kind, &current, change)?,
            content_type::JSON_PATCH => patch::json_patch(kind, &current, change)?,
            content_type::STRATEGIC_MERGE_PATCH => patch::strategic_merge(kind, &current, change)?,
            _ => (**change).clone(),
        };
        self.objects[found] = new.clone();
        Ok(body(&new))
    }

    /// Sends a watch event to everyone who watches its kind.
    pub fn event(&self, ctx: &mut Ctx<'_, Message>, type_: WatchType, object: &Value) {
        for (caller, call, _) in &self.watches {
            let event = WatchEvent::new(type_, Body::Json(object.clone().into()));
            ctx.send(*caller, Message::Watch { call: *call, event });
        }
    }
}

fn field_fits(object: &Value, term: &str) -> bool {
    let Some((path, value)) = term.split_once("!=").or_else(|| term.split_once('=')) else { return true };
    let found = object.pointer(&format!("/{}", path.replace('.', "/"))).and_then(Value::as_str).unwrap_or_default();
    (found == value) != term.contains("!=")
}

impl Process<Message> for Fake {
    fn start(&mut self, _: &mut Ctx<'_, Message>) {}

    fn on_message(&mut self, ctx: &mut Ctx<'_, Message>, envelope: &Envelope<Message>) {
        match &envelope.payload {
            Message::Request { call, request } => {
                let response = if request.is_watch() || request.param("follow").is_some() {
                    self.watches.push((envelope.from, *call, request.path.to_string()));
                    Response::ok(Body::Empty)
                } else {
                    let mut response = match self.answer(request) {
                        Ok(body) => Response::ok(body),
                        Err(status) => Response::failure(status),
                    };
                    if request.method != Method::Get {
                        response.warnings = std::mem::take(&mut self.warnings);
                    }
                    response
                };
                ctx.send(envelope.from, Message::Response { call: *call, response: Arc::new(response) });
            }
            Message::Cancel { call } => self.watches.retain(|(_, open, _)| open != call),
            // `MODIFIED {…}`: from the test to those who watch.
            Message::Control(text) => {
                let (type_, object) = text.split_once(' ').expect("a type and an object");
                match type_ {
                    "CHUNK" => {
                        for (caller, call, _) in &self.watches {
                            ctx.send(*caller, Message::Chunk { call: *call, text: Arc::from(object) });
                        }
                    }
                    "END" => {
                        for (caller, call, _) in std::mem::take(&mut self.watches) {
                            ctx.send(caller, Message::StreamEnd { call });
                        }
                    }
                    _ => {
                        let types = [WatchType::Added, WatchType::Modified, WatchType::Deleted];
                        let type_ = types.into_iter().find(|known| known.as_str() == type_).expect("a watch type");
                        self.event(ctx, type_, &serde_json::from_str(object).expect("JSON"));
                    }
                }
            }
            _ => {}
        }
    }

    fn on_timer(&mut self, _: &mut Ctx<'_, Message>, _: u64) {}

    fn lose_memory(&mut self) {
        self.watches.clear();
    }

    fn clone_box(&self) -> Box<dyn Process<Message>> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
