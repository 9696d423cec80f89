//! Watches: opening, what was missed, what comes, bookmarks and the end.
//!
//! Mirrors apiserver/pkg/endpoints/handlers/watch.go and the cacher's dispatch.

use std::sync::Arc;
use std::time::Duration;

use crate::api::{Body, CallId, Kind, Message, Reason, Response, Status, WatchEvent, WatchType};
use crate::sim::{Ctx, ProcessId, SimTime, TimerId};

use super::cache::CacheEvent;
use super::convert;
use super::options::ListOptions;
use super::registry::Read;
use super::route::Resource;
use super::server::{ApiServer, timer};
use super::stage::{Call, Origin, Stage};
use super::storage::Pending;
use super::view::{View, bookmark};
use super::watchers::{WatchKey, Watcher};

/// How often a watcher is told how far the cache has come: `bookmarkFrequency`.
const BOOKMARK_FREQUENCY: Duration = Duration::from_secs(60);
/// A last bookmark is sent this long before the stream ends.
const BOOKMARK_BEFORE_END: Duration = Duration::from_secs(2);
/// `--min-request-timeout`: a watch without a time of its own lasts so long, and up to twice.
const MIN_REQUEST_TIMEOUT_SECONDS: u64 = 1_800;

/// The one timer for all bookmarks and ends of streams.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BookmarkTimer(Option<(SimTime, TimerId)>);

impl ApiServer {
    /// Opens a watch: at once where anything will do, else when the cache is fresh enough.
    pub(super) fn watch(&mut self, ctx: &mut Ctx<'_, Message>, call: Call, resource: Resource, options: ListOptions) {
        let read = Read::Watch { resource, options: options.clone() };
        match options.resource_version {
            // The newest state, as etcd has it now.
            None => self.consistent(ctx, call, read),
            Some(revision) if options.send_initial_events == Some(true) => {
                self.when_fresh(ctx, call, revision, read);
            }
            Some(_) => self.read(ctx, call, read),
        }
    }

    /// Reads from the cache once it has come to etcd's revision of now.
    pub(super) fn consistent(&mut self, ctx: &mut Ctx<'_, Message>, mut call: Call, read: Read) {
        call.stage(ctx, Stage::Registry);
        // A key that holds nothing: only the revision of the answer counts.
        let ahead = call.ahead(ctx);
        self.read_key(ctx, ahead, Arc::from("compact_rev_key"), Pending::Revision { call, read });
    }

    /// Opens a watch on the cache as it is.
    pub(super) fn open_watch(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        mut call: Call,
        resource: &Resource,
        options: ListOptions,
    ) {
        let Origin::Client { process, call: id } = call.origin else { return };
        let view = match View::negotiate(&call.request) {
            Ok(view) => view,
            Err(status) => return self.respond(ctx, call, Err(status)),
        };
        call.stage(ctx, Stage::WatchCache);
        call.stage(ctx, Stage::Response);
        self.note_answer(&mut call, 200, Ok(&Body::Empty));
        let mut after = call.ahead(ctx);
        let mut opened = Response::ok(Body::Empty);
        opened.warnings = std::mem::take(&mut call.warnings);
        ctx.send_after(after, process, Message::Response { call: id, response: Arc::new(opened) });
        let timeout = options
            .timeout_seconds
            .filter(|seconds| *seconds > 0)
            .unwrap_or_else(|| MIN_REQUEST_TIMEOUT_SECONDS + ctx.rng().below(MIN_REQUEST_TIMEOUT_SECONDS));
        let deadline = ctx.now() + Duration::from_secs(timeout);
        let mut watcher = Watcher {
            served: resource.kind,
            namespace: resource.namespace.clone(),
            labels: options.labels.clone(),
            fields: options.fields.clone(),
            view,
            bookmarks: options.bookmarks,
            deadline,
            next_bookmark: next_bookmark(ctx.now(), deadline),
            columns_sent: false,
            user_agent: call.request.user_agent.clone(),
            opened: ctx.now(),
            resumed: self.resumes_from(&options),
        };
        let missed = match self.missed(&watcher, &options) {
            Ok(missed) => missed,
            Err(status) => {
                // The stream is open: failures are events from here on.
                let event = WatchEvent::new(WatchType::Error, Body::Status(Arc::new(status)));
                ctx.send_after(after, process, Message::Watch { call: id, event });
                ctx.send_after(after, process, Message::StreamEnd { call: id });
                return;
            }
        };
        let mut sent = missed.len() as u64;
        for (at, (type_, object)) in missed.into_iter().enumerate() {
            if at % 16 == 15 {
                // Each event takes the server a moment to write.
                after += Duration::from_micros(Stage::WatchCache.cost_micros());
            }
            if watcher.view == View::Object && watcher.served == object.kind() {
                let kept = self.cache.kept(&object);
                let event = WatchEvent { kept, ..WatchEvent::new(type_, Body::Object(object)) };
                ctx.send_after(after, process, Message::Watch { call: id, event });
            } else {
                send_event(ctx, after, (process, id), &mut watcher, type_, object);
            }
        }
        if options.send_initial_events == Some(true) && options.bookmarks {
            let end = bookmark(watcher.served, self.cache.revision(), true);
            send_event(ctx, after, (process, id), &mut watcher, WatchType::Bookmark, end);
            sent += 1;
        }
        self.watchers.open((process, id), watcher);
        self.watchers.note_sent((process, id), sent);
        self.arm_watchers(ctx);
    }

    /// The revision a watch goes on from; `None` when it begins with the objects there are.
    fn resumes_from(&self, options: &ListOptions) -> Option<u64> {
        match (options.send_initial_events, options.resource_version) {
            (Some(true), _) | (None, None | Some(0)) => None,
            (Some(false), None | Some(0)) => Some(self.cache.revision()),
            (_, version) => version,
        }
    }

    /// What a new watcher is to be told before what comes.
    fn missed(
        &self,
        watcher: &Watcher,
        options: &ListOptions,
    ) -> Result<Vec<(WatchType, Arc<crate::api::Object>)>, Status> {
        let stored = watcher.served.info().stored_as;
        let Some(revision) = self.resumes_from(options) else {
            let objects = self.select(watcher.served, &watcher.namespace, &watcher.labels, &watcher.fields);
            return Ok(objects.into_iter().map(|object| (WatchType::Added, object)).collect());
        };
        let oldest = self.cache.oldest(stored);
        if revision < oldest {
            return Err(Status::new(Reason::Expired, format!("too old resource version: {revision} ({oldest})")));
        }
        Ok(self.cache.events_since(stored, revision).filter_map(|event| watcher.translate(&event)).collect())
    }

    /// Tells the watchers of an event.
    pub(super) fn dispatch(&mut self, ctx: &mut Ctx<'_, Message>, kind: Kind, event: &CacheEvent) {
        let after = Duration::from_micros(Stage::WatchCache.cost_micros());
        for key in self.watchers.candidates(kind, event) {
            let watcher = self.watchers.get(&key).expect("the index names watchers that are there");
            let Some((type_, object)) = watcher.translate(event) else { continue };
            if watcher.view == View::Object && watcher.served == kind {
                let kept = event.kept.clone().filter(|_| Arc::ptr_eq(&object, &event.object));
                let event = WatchEvent { kept, ..WatchEvent::new(type_, Body::Object(object)) };
                ctx.send_after(after, key.0, Message::Watch { call: key.1, event });
            } else {
                let mut watcher = watcher.clone();
                send_event(ctx, after, key, &mut watcher, type_, object);
                self.watchers.columns_sent(&key);
            }
            self.watchers.note_sent(key, 1);
        }
    }

    /// Sets the timer for the next bookmark or end of a stream.
    fn arm_watchers(&mut self, ctx: &mut Ctx<'_, Message>) {
        let Some(due) = self.watchers.next_due() else { return };
        if let BookmarkTimer(Some((set, id))) = self.bookmark_timer {
            if set <= due {
                return;
            }
            ctx.cancel_timer(id);
        }
        // Upstream looks once a second; so many watchers share a look.
        let due = SimTime(due.0.div_ceil(1_000_000) * 1_000_000);
        let id = ctx.set_timer(due.since(ctx.now()), timer::WATCHERS);
        self.bookmark_timer = BookmarkTimer(Some((due, id)));
    }

    /// Bookmarks and ends that are due.
    pub(super) fn watchers_due(&mut self, ctx: &mut Ctx<'_, Message>) {
        self.bookmark_timer = BookmarkTimer(None);
        let now = ctx.now();
        while let Some(key) = self.watchers.pop_due(now) {
            let watcher = self.watchers.get(&key).expect("what is due is there");
            let mut watcher = watcher.clone();
            if watcher.bookmarks && watcher.next_bookmark <= now {
                let mark = bookmark(watcher.served, self.cache.revision(), false);
                send_event(ctx, Duration::ZERO, key, &mut watcher, WatchType::Bookmark, mark);
                self.watchers.columns_sent(&key);
                self.watchers.note_sent(key, 1);
                self.watchers.postpone(&key, next_bookmark(now, watcher.deadline));
            }
            if watcher.deadline <= now {
                self.watchers.close(key);
                ctx.send(key.0, Message::StreamEnd { call: key.1 });
            }
        }
        self.arm_watchers(ctx);
    }

    /// Ends every stream: the cache begins anew.
    pub(super) fn end_all_watches(&mut self, ctx: &mut Ctx<'_, Message>) {
        let keys: Vec<WatchKey> = self.watchers.iter().map(|(key, _)| *key).collect();
        for key in keys {
            self.watchers.close(key);
            ctx.send(key.0, Message::StreamEnd { call: key.1 });
        }
    }
}

fn next_bookmark(now: SimTime, deadline: SimTime) -> SimTime {
    let regular = now + BOOKMARK_FREQUENCY;
    let last = SimTime(deadline.0.saturating_sub(BOOKMARK_BEFORE_END.as_micros() as u64));
    if now < last {
        regular.min(last)
    } else {
        // None before the end any more.
        deadline + BOOKMARK_FREQUENCY
    }
}

fn send_event(
    ctx: &mut Ctx<'_, Message>,
    after: Duration,
    (process, call): (ProcessId, CallId),
    watcher: &mut Watcher,
    type_: WatchType,
    object: Arc<crate::api::Object>,
) {
    let object = convert::served(watcher.served, &object);
    let event = watcher.view.event(type_, object, ctx.unix_micros(), !watcher.columns_sent);
    watcher.columns_sent = true;
    ctx.send_after(after, process, Message::Watch { call, event });
}
