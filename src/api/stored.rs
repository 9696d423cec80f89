//! What is kept of an object: a cell that takes little room while nobody asks for it.
//!
//! Real etcd keeps bytes, and whoever reads them decodes them. Here the decoded object is shared by etcd, the API
//! server's cache, informers and everybody else who holds on to it, so that a write costs one copy; a typed Pod takes
//! some 14 KB, most of it fields that are not set. What nobody has asked for in a while, or only the history holds, is
//! therefore packed into bytes, a twentieth of that, for all who share it, checkpoints included. That changes nothing
//! that can be seen: a packed object is read back as it was.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use k8s_openapi::api::core::v1::Event;
use lz4_flex::block;

use super::KINDS;
use super::decode::Findings;
use super::decode::json_writer::Json;
use super::object::{Kind, Object, Typed};

/// How many objects that are newest under their keys stay as they are. The one that was asked for longest ago is packed.
pub const NEWEST_MAX: usize = 16_384;
/// How many others stay as they are: those that were replaced, of which watchers are still told, and Events.
/// As many as a busy minute of a hundred nodes brings: packing takes longer than what it saves there.
pub const PAST_MAX: usize = 16_384;

/// An object that is kept, mostly with the resource version of its write. A clone shares it.
#[derive(Clone)]
pub struct Stored(Arc<Cell>);

struct Cell {
    kind: Kind,
    // A lock for the compiler's sake: a simulation runs in one thread.
    held: Mutex<Held>,
}

struct Held {
    form: Form,
    /// Somebody asked for it since it was last thought of packing it.
    asked: bool,
    /// Others have replaced it, or few will ask: it is packed sooner.
    past: bool,
}

enum Form {
    Whole(Arc<Object>),
    Packed { bytes: Box<[u8]>, length: usize, frame: Arc<[u8]> },
}

/// What packed objects of one kind have in common: the JSON of one of them, which the others are compressed against.
#[derive(Default)]
struct Frame {
    bytes: Arc<[u8]>,
    uses: u32,
}

impl Frame {
    /// How many objects are packed against one frame. A new one then follows what objects look like by now.
    const USES_MAX: u32 = 4_096;
    /// LZ4 looks back no further than this.
    const BYTES_MAX: usize = 64 * 1024;

    fn for_object(&mut self, json: &[u8]) -> Arc<[u8]> {
        if self.uses.is_multiple_of(Frame::USES_MAX) {
            self.bytes = Arc::from(&json[..json.len().min(Frame::BYTES_MAX)]);
        }
        self.uses = self.uses.wrapping_add(1);
        self.bytes.clone()
    }
}

/// A copy of an object with another resource version.
pub fn stamp(object: &Object, revision: u64) -> Arc<Object> {
    let mut object = object.clone();
    object.meta_mut().resource_version = Some(revision.to_string());
    Arc::new(object)
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool::new()) };
}

/// What is whole, in the order in which it is to be packed.
struct Pool {
    newest: VecDeque<Weak<Cell>>,
    /// How many of `newest` are whole and not past.
    whole: usize,
    past: VecDeque<Weak<Cell>>,
    /// By kind.
    frames: Vec<Frame>,
}

impl Pool {
    const fn new() -> Self {
        Pool { newest: VecDeque::new(), whole: 0, past: VecDeque::new(), frames: Vec::new() }
    }

    /// Takes in a cell that is whole, and packs the one whose turn it is.
    fn enter(&mut self, cell: &Arc<Cell>, past: bool) {
        if past {
            self.past.push_back(Arc::downgrade(cell));
            while self.past.len() > PAST_MAX {
                let oldest = self.past.pop_front().and_then(|cell| cell.upgrade());
                oldest.iter().for_each(|cell| self.pack(cell));
            }
            return;
        }
        self.newest.push_back(Arc::downgrade(cell));
        self.whole += 1;
        // What was let go or is past by now leaves no later than with eight times as many.
        while self.whole > NEWEST_MAX || self.newest.len() > 8 * NEWEST_MAX {
            let Some(oldest) = self.newest.pop_front() else { break };
            let Some(cell) = oldest.upgrade() else { continue };
            let mut held = cell.held();
            if held.past {
                continue;
            }
            if std::mem::take(&mut held.asked) {
                drop(held);
                self.newest.push_back(oldest);
            } else {
                drop(held);
                self.pack(&cell);
                self.whole = self.whole.saturating_sub(1);
            }
        }
    }

    fn pack(&mut self, cell: &Cell) {
        self.frames.resize_with(KINDS.len(), Frame::default);
        cell.pack(&mut self.frames[cell.kind as usize]);
    }
}

impl Cell {
    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing is half done while it is locked.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pack(&self, frame: &mut Frame) {
        let mut held = self.held();
        let Form::Whole(object) = &held.form else { return };
        let json = object.to_value().json().into_bytes();
        let frame = frame.for_object(&json);
        let bytes = block::compress_with_dict(&json, &frame).into_boxed_slice();
        held.form = Form::Packed { bytes, length: json.len(), frame };
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        let held = self.held();
        if !held.past && matches!(held.form, Form::Whole(_)) {
            drop(held);
            one_less();
        }
    }
}

/// One cell less is whole and newest.
fn one_less() {
    // The pool is gone where the thread ends, and in use where it lets the last of a cell go itself.
    let _ = POOL.try_with(|pool| {
        if let Ok(mut pool) = pool.try_borrow_mut() {
            pool.whole = pool.whole.saturating_sub(1);
        }
    });
}

impl Stored {
    /// What a write at `revision` stores: a copy of `object` that says so.
    pub fn new(object: &Object, revision: u64) -> Self {
        Stored::from(stamp(object, revision))
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The object, with its resource version.
    pub fn object(&self) -> Arc<Object> {
        let mut held = self.0.held();
        held.asked = true;
        let object = match &held.form {
            Form::Whole(object) => return object.clone(),
            Form::Packed { bytes, length, frame } => {
                let json = block::decompress_with_dict(bytes, *length, frame).expect("what was packed can be unpacked");
                let value = std::str::from_utf8(&json).ok().and_then(|text| serde_json::from_str(text).ok());
                let value = value.expect("what was packed is JSON");
                let object = Object::read_exactly(self.0.kind, &value, &mut Findings::default());
                Arc::new(object.expect("what was packed is an object"))
            }
        };
        held.form = Form::Whole(object.clone());
        let past = held.past;
        drop(held);
        POOL.with_borrow_mut(|pool| pool.enter(&self.0, past));
        object
    }

    /// The object as etcd has it: its resource version is the key's.
    pub fn without_revision(&self) -> Arc<Object> {
        let mut object = (*self.object()).clone();
        object.meta_mut().resource_version = None;
        Arc::new(object)
    }

    /// Whether it is packed.
    pub fn is_packed(&self) -> bool {
        matches!(self.0.held().form, Form::Packed { .. })
    }

    /// It has been replaced or deleted: it is packed soon.
    pub fn pass(&self) {
        let mut held = self.0.held();
        let whole = matches!(held.form, Form::Whole(_));
        if std::mem::replace(&mut held.past, true) || !whole {
            return;
        }
        drop(held);
        one_less();
        POOL.with_borrow_mut(|pool| pool.enter(&self.0, true));
    }

    /// Packs it, for all who share it. Whoever holds the object keeps it.
    pub fn pack(&self) {
        self.pass();
        POOL.with_borrow_mut(|pool| pool.pack(&self.0));
    }
}

impl From<Arc<Object>> for Stored {
    fn from(object: Arc<Object>) -> Self {
        let kind = object.kind();
        let event: Option<&Event> = object.get();
        // There are more Events than anything else, and hardly anybody reads one again: those that are named after what
        // they are about, as recorders name them, are found by their keys. The few others stay whole.
        let (past, stays) = (event.is_some(), event.is_some_and(|event| !named_after_its_object(event)));
        let held = Mutex::new(Held { form: Form::Whole(object), asked: false, past });
        let cell = Arc::new(Cell { kind, held });
        if !stays {
            POOL.with_borrow_mut(|pool| pool.enter(&cell, past));
        }
        Stored(cell)
    }
}

/// A kept object that is at hand from when it is first looked at. It is not packed after that: for what is looked at in
/// passing, and replaced or dropped then.
#[derive(Clone, Debug)]
pub struct Lazy {
    kept: Stored,
    read: OnceLock<Arc<Object>>,
}

impl Lazy {
    /// Nobody has looked at it yet.
    pub fn new(kept: Stored) -> Self {
        Lazy { kept, read: OnceLock::new() }
    }

    /// As if nobody had looked at it yet.
    pub fn unread(&self) -> Self {
        Lazy::new(self.kept.clone())
    }
}

impl Deref for Lazy {
    type Target = Arc<Object>;

    fn deref(&self) -> &Arc<Object> {
        self.read.get_or_init(|| self.kept.object())
    }
}

/// Whether an Event has the name that recorders give: `name.number`.
fn named_after_its_object(event: &Event) -> bool {
    let about = event.involved_object.name.as_deref().unwrap_or_default();
    event.metadata.name.as_deref().is_some_and(|name| name.rsplit_once('.').is_some_and(|(head, _)| head == about))
}

/// A kept object as a `T`.
#[derive(Clone, Debug)]
pub struct Shared<T>(Arc<Object>, PhantomData<T>);

impl<T: Typed> Shared<T> {
    /// The object as a `T`, if it is one.
    pub fn of(object: Arc<Object>) -> Option<Self> {
        object.get::<T>().is_some().then_some(Shared(object, PhantomData))
    }
}

impl<T: Typed> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.expect()
    }
}

impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.object() == other.object()
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.object().fmt(f)
    }
}
