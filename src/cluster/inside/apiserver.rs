//! Inside the API server: the pipeline with the requests in it, the watch cache by kind, the watchers.

use std::sync::Arc;

use crate::api::{Body, KINDS, Method};
use crate::apiserver::{Admitted, InHand, Passed, Said, Served, Stage};
use crate::sim::{EventId, ProcessId, SimTime};

use super::super::label::{PathParts, parts};
use super::{Fact, Look, ROWS_MAX, Sheet, Within, named, span, yes};

/// Requests that are listed.
const ASKED_MAX: usize = 40;

/// A stage of the pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageInside {
    pub name: &'static str,
    /// The requests in it at this moment: `POST pods of kubectl`.
    pub here: Vec<String>,
    /// What it took the chosen request; empty where that did not pass it.
    pub took: String,
    /// The chosen request is in it.
    pub stands: bool,
    /// What it said of the chosen request: the plugins of admission, where it was stored.
    pub said: Vec<(String, bool)>,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The message that brought it.
    pub id: EventId,
    pub at: String,
    pub client: Arc<str>,
    /// `POST pods default/web`.
    pub what: String,
    /// `201`, or what it waits for.
    pub answer: String,
    pub took: String,
    pub bad: bool,
}

/// The API server.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiServerInside {
    pub facts: Vec<Fact>,
    pub stages: Vec<StageInside>,
    /// The request whose way is shown, and how it ended.
    pub chosen: Option<Asked>,
    pub end: String,
    /// The requests in hand, then the last ones answered, newest first.
    pub asked: Vec<Asked>,
    pub caches: Sheet,
    pub watchers: Sheet,
}

/// A request in hand or answered, alike.
struct Way<'a> {
    id: EventId,
    client: ProcessId,
    request: &'a crate::api::Request,
    arrived: SimTime,
    passed: &'a [Passed],
    verdicts: &'a [Admitted],
    waits: Option<(Stage, &'static str)>,
    served: Option<&'a Served>,
}

impl<'a> Way<'a> {
    fn of_served(served: &'a Served) -> Self {
        Way {
            id: served.cause,
            client: served.client,
            request: &served.request,
            arrived: served.arrived,
            passed: &served.passed,
            verdicts: &served.verdicts,
            waits: None,
            served: Some(served),
        }
    }

    fn of_hand(hand: &'a InHand<'a>) -> Self {
        Way {
            id: hand.cause,
            client: hand.client,
            request: hand.request,
            arrived: hand.arrived,
            passed: hand.passed,
            verdicts: hand.verdicts,
            waits: Some((hand.stage, hand.awaits)),
            served: None,
        }
    }

    /// The stage it is in at `now`; `None` once its answer has left.
    fn stage(&self, now: SimTime) -> Option<Stage> {
        let within = self.passed.iter().rev().find(|passed| passed.start <= now && now < passed.end);
        within.map(|passed| passed.stage).or(self.waits.map(|(stage, _)| stage))
    }

    fn what(&self) -> String {
        let PathParts { namespace, resource, name, subresource } = parts(&self.request.path);
        let resource = if subresource.is_empty() { resource.to_owned() } else { format!("{resource}/{subresource}") };
        let mut name = name.to_owned();
        if self.request.method == Method::Post && name.is_empty() {
            // What is created is named in the body only.
            match &self.request.body {
                Body::Object(object) => object.name().clone_into(&mut name),
                Body::Json(value) => value["metadata"]["name"].as_str().unwrap_or_default().clone_into(&mut name),
                _ => {}
            }
        }
        let verb = if self.request.is_watch() { "WATCH" } else { self.request.method.as_str() };
        let key = if name.is_empty() { namespace.to_owned() } else { named(namespace, &name) };
        format!("{verb} {resource} {key}").trim_end().to_owned()
    }

    fn asked(&self, within: &Within<'_>) -> Asked {
        let end = self.passed.last().map_or(self.arrived, |passed| passed.end);
        let (answer, took, bad) = match (self.served, self.waits) {
            (Some(served), _) => (served.code.to_string(), span(end.since(self.arrived)), served.code >= 400),
            (None, Some((_, awaits))) => (format!("waits for {awaits}"), String::new(), false),
            (None, None) => Default::default(),
        };
        Asked {
            id: self.id,
            at: within.clock(self.arrived),
            client: within.world.kernel().name_of(self.client),
            what: self.what(),
            answer,
            took,
            bad,
        }
    }

    /// How it ended: stored, read or refused.
    fn end(&self) -> String {
        let Some(served) = self.served else { return "It is not answered yet.".to_owned() };
        if served.code >= 400 {
            return format!("Refused with {}: {}", served.code, served.refusal);
        }
        let etcd = self.passed.iter().any(|passed| passed.stage == Stage::Etcd);
        match self.request.method {
            Method::Get if self.request.is_watch() => "The watch is open.".to_owned(),
            Method::Get if etcd => format!("Answered with {}, at etcd's newest revision.", served.code),
            Method::Get => format!("Answered with {} from the watch cache.", served.code),
            _ if served.revision > 0 && etcd => {
                format!("Answered with {}: stored at revision {}.", served.code, served.revision)
            }
            _ => format!("Answered with {}.", served.code),
        }
    }
}

pub(super) fn inside(within: &Within<'_>, look: &Look) -> ApiServerInside {
    let server = within.world.apiserver();
    let now = within.now();
    let in_hand = server.in_hand();
    let mut ways: Vec<Way<'_>> = in_hand.iter().map(Way::of_hand).collect();
    ways.extend(server.served().rev().map(|served| Way::of_served(served)));
    let chosen = look.chosen.and_then(|id| ways.iter().find(|way| way.id.0 == id)).or(ways.first());
    let stages = Stage::ALL.iter().map(|stage| stage_inside(*stage, &ways, chosen, within)).collect();
    ApiServerInside {
        facts: vec![
            ("ready", yes(server.is_ready())),
            ("requests in hand", server.in_flight().to_string()),
            ("watch cache at revision", server.cache().revision().to_string()),
            ("watches", server.watchers().iter().count().to_string()),
            ("time", within.clock(now)),
        ],
        stages,
        chosen: chosen.map(|way| way.asked(within)),
        end: chosen.map(Way::end).unwrap_or_default(),
        asked: ways.iter().take(ASKED_MAX).map(|way| way.asked(within)).collect(),
        caches: caches(within),
        watchers: watchers(within),
    }
}

fn stage_inside(stage: Stage, ways: &[Way<'_>], chosen: Option<&Way<'_>>, within: &Within<'_>) -> StageInside {
    let now = within.now();
    let here = ways.iter().filter(|way| way.stage(now) == Some(stage));
    let mut passed = chosen.into_iter().flat_map(|way| way.passed).filter(|passed| passed.stage == stage).peekable();
    let took = match passed.peek() {
        None => String::new(),
        Some(_) => span(passed.map(|passed| passed.end.since(passed.start)).sum()),
    };
    StageInside {
        name: stage.name(),
        here: here
            .take(6)
            .map(|way| format!("{} of {}", way.what(), within.world.kernel().name_of(way.client)))
            .collect(),
        took,
        stands: chosen.is_some_and(|way| way.stage(now) == Some(stage)),
        said: chosen.map(|way| said(stage, way)).unwrap_or_default(),
    }
}

/// What a stage said of a request, each with whether that was a no.
fn said(stage: Stage, way: &Way<'_>) -> Vec<(String, bool)> {
    let mutates = |plugin: &str| plugin != "NamespaceLifecycle" || way.request.method != Method::Delete;
    match stage {
        Stage::Authentication if !way.passed.is_empty() => vec![(way.request.user.to_string(), false)],
        Stage::MutatingAdmission | Stage::ValidatingAdmission => way
            .verdicts
            .iter()
            .filter(|verdict| mutates(verdict.plugin) == (stage == Stage::MutatingAdmission))
            .map(|verdict| {
                let (word, bad) = match &verdict.said {
                    Said::Ignored => ("not concerned", false),
                    Said::Admitted => ("admits it", false),
                    Said::Changed => ("admits it with changes", false),
                    Said::Waits => ("waits for what it needs", false),
                    Said::Denied(_) => ("denies it", true),
                };
                (format!("{}: {word}", verdict.plugin), bad)
            })
            .collect(),
        Stage::Validation => way
            .served
            .filter(|served| served.code == 422)
            .map(|_| ("finds it invalid".to_owned(), true))
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}

fn caches(within: &Within<'_>) -> Sheet {
    let cache = within.world.apiserver().cache();
    let columns = &["kind", "objects", "events kept", "resumes from", "newest event"];
    let mut sheet = Sheet::new("Watch cache", columns)
        .note("A watch can go on from any revision since the one it resumes from; an older one is answered 410 Gone.");
    for info in KINDS.iter().filter(|info| info.stored_as == info.id && !info.etcd_prefix.is_empty()) {
        let (events, newest) = cache.window(info.id);
        sheet.row(vec![
            info.plural.to_owned(),
            cache.len(info.id).to_string(),
            events.to_string(),
            cache.oldest(info.id).to_string(),
            if newest == 0 { "none yet".to_owned() } else { newest.to_string() },
        ]);
    }
    sheet
}

fn watchers(within: &Within<'_>) -> Sheet {
    let watchers = within.world.apiserver().watchers();
    let columns =
        &["client", "user agent", "kind", "namespace", "selector", "resumed from", "events sent", "open since"];
    let mut sheet = Sheet::new("Watchers", columns);
    let total = watchers.iter().count();
    for (key, watcher) in watchers.iter().take(ROWS_MAX) {
        let mut selector = String::new();
        if !watcher.labels.is_everything() {
            selector.push_str(&watcher.labels.to_string());
        }
        if !watcher.fields.is_everything() {
            selector.push_str(if selector.is_empty() { "" } else { ", " });
            selector.push_str(&watcher.fields.to_string());
        }
        let agent = watcher.user_agent.split(" (").next().unwrap_or_default();
        sheet.row(vec![
            within.world.kernel().name_of(key.0).to_string(),
            agent.to_owned(),
            watcher.served.info().plural.to_owned(),
            if watcher.namespace.is_empty() { "all".to_owned() } else { watcher.namespace.to_string() },
            selector,
            watcher.resumed.map_or_else(|| "all objects".to_owned(), |revision| revision.to_string()),
            watchers.sent(key).to_string(),
            within.clock(watcher.opened),
        ]);
    }
    sheet.cut(total)
}
