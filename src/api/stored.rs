//! What etcd keeps under a key: an object that takes little room once nobody is likely to ask for it.
//!
//! Real etcd keeps bytes, and whoever reads them decodes them. Here the decoded object is shared by etcd, the API
//! server's cache and everybody who is told of it, so that a write costs one copy; a typed Pod takes some 14 KB, most
//! of it fields that are not set. What only the history holds is therefore packed into bytes, a twentieth of that, for
//! all who share it, checkpoints included. That changes nothing that can be seen: a packed object is read back as it was.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use lz4_flex::block;

use super::decode::Findings;
use super::decode::json_writer::Json;
use super::object::{Kind, Object};

/// An object with the resource version of its write. A clone shares it.
#[derive(Clone)]
pub struct Stored(Arc<Cell>);

struct Cell {
    kind: Kind,
    // A lock for the compiler's sake: a simulation runs in one thread.
    form: Mutex<Form>,
}

enum Form {
    Whole(Arc<Object>),
    Packed { bytes: Box<[u8]>, length: usize, frame: Arc<[u8]> },
}

/// What packed objects of one kind have in common: the JSON of one of them, which the others are compressed against.
#[derive(Clone, Debug, Default)]
pub struct Frame {
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

impl Stored {
    /// What a write at `revision` stores: a copy of `object` that says so.
    pub fn new(object: &Object, revision: u64) -> Self {
        let form = Form::Whole(stamp(object, revision));
        Stored(Arc::new(Cell { kind: object.kind(), form: Mutex::new(form) }))
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The object, with its resource version.
    pub fn object(&self) -> Arc<Object> {
        match &*self.form() {
            Form::Whole(object) => object.clone(),
            Form::Packed { bytes, length, frame } => {
                let json = block::decompress_with_dict(bytes, *length, frame).expect("what was packed can be unpacked");
                let value = std::str::from_utf8(&json).ok().and_then(|text| serde_json::from_str(text).ok());
                let value = value.expect("what was packed is JSON");
                let object = Object::read_exactly(self.0.kind, &value, &mut Findings::default());
                Arc::new(object.expect("what was packed is an object"))
            }
        }
    }

    /// The object as etcd has it: its resource version is the key's.
    pub fn without_revision(&self) -> Arc<Object> {
        let mut object = (*self.object()).clone();
        object.meta_mut().resource_version = None;
        Arc::new(object)
    }

    /// Whether it is packed.
    pub fn is_packed(&self) -> bool {
        matches!(&*self.form(), Form::Packed { .. })
    }

    /// Packs it, for all who share it. Whoever holds the object keeps it.
    pub fn pack(&self, frame: &mut Frame) {
        let mut form = self.form();
        let Form::Whole(object) = &*form else { return };
        let json = object.to_value().json().into_bytes();
        let frame = frame.for_object(&json);
        let bytes = block::compress_with_dict(&json, &frame).into_boxed_slice();
        *form = Form::Packed { bytes, length: json.len(), frame };
    }

    fn form(&self) -> std::sync::MutexGuard<'_, Form> {
        // Nothing is half done while it is locked.
        self.0.form.lock().unwrap_or_else(PoisonError::into_inner)
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
