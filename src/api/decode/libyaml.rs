//! libyaml's event parser, made safe: events own their text, and errors are values.
//!
//! It is the port that `serde_yaml` stands on. go-yaml is a port of the same parser, so what it accepts, and its
//! errors with their lines, are those of kubectl. Known differences, both inside `{}` or `[]` only: go-yaml takes
//! no `?` in a plain scalar, and words `a:,` differently. `serde_yaml` itself cannot be used: it does not say whether
//! a scalar was quoted.

#![allow(unsafe_code, reason = "the port keeps libyaml's interface; this file is the only one to call it")]

use std::ffi::CStr;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::addr_of_mut;

use unsafe_libyaml_norway as unsafe_sys;

/// What a node may carry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Properties {
    pub(super) anchor: Option<String>,
    pub(super) tag: Option<String>,
}

/// One event of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    StreamStart,
    StreamEnd,
    DocumentStart,
    DocumentEnd,
    Alias(String),
    /// `plain`: without quotes and without a tag, so that its text decides what it is.
    Scalar {
        properties: Properties,
        value: String,
        plain: bool,
    },
    SequenceStart(Properties),
    SequenceEnd,
    MappingStart(Properties),
    MappingEnd,
}

/// Reads events from text.
pub(super) struct Parser<'a> {
    // Boxed: libyaml keeps pointers into itself.
    parser: Box<unsafe_sys::yaml_parser_t>,
    text: PhantomData<&'a [u8]>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        let mut parser = Box::new(MaybeUninit::<unsafe_sys::yaml_parser_t>::uninit());
        // SAFETY: `yaml_parser_initialize` writes the whole struct before anything reads it. The text outlives
        // the parser (`'a`), and the parser does not move: it is in a box.
        let parser = unsafe {
            let created = unsafe_sys::yaml_parser_initialize(parser.as_mut_ptr());
            assert!(created.ok, "libyaml only fails to start when memory runs out");
            unsafe_sys::yaml_parser_set_encoding(parser.as_mut_ptr(), unsafe_sys::YAML_UTF8_ENCODING);
            unsafe_sys::yaml_parser_set_input_string(parser.as_mut_ptr(), text.as_ptr(), text.len() as u64);
            Box::from_raw(Box::into_raw(parser).cast::<unsafe_sys::yaml_parser_t>())
        };
        Parser { parser, text: PhantomData }
    }

    /// The next event and the line it starts on, counted from 1.
    ///
    /// # Errors
    /// go-yaml's sentence: `line 5: did not find expected key`.
    pub(super) fn next(&mut self) -> Result<(Event, u64), String> {
        let mut event = MaybeUninit::<unsafe_sys::yaml_event_t>::uninit();
        // SAFETY: `yaml_parser_parse` writes the event when it succeeds; `yaml_event_delete` frees its strings
        // after `owned` has copied them. After an error the parser is not asked again: `read` stops there.
        unsafe {
            if unsafe_sys::yaml_parser_parse(addr_of_mut!(*self.parser), event.as_mut_ptr()).fail {
                return Err(self.error());
            }
            let mut event = event.assume_init();
            let copied = (owned(&event), event.start_mark.line + 1);
            unsafe_sys::yaml_event_delete(&raw mut event);
            Ok(copied)
        }
    }

    /// go-yaml's `parser.fail`.
    fn error(&self) -> String {
        let parser = &*self.parser;
        let problem = if parser.problem.is_null() {
            "unknown problem parsing YAML content".to_owned()
        } else {
            // SAFETY: libyaml's problems are static strings that end with a NUL.
            let problem = unsafe { CStr::from_ptr(parser.problem.cast()) }.to_string_lossy();
            // The port corrected the spelling; go-yaml has libyaml's.
            problem.replace("hexadecimal", "hexdecimal")
        };
        // Scanner errors stand on the line they are on, parser errors on the one before.
        let line = match (parser.problem_mark.line, parser.error) {
            (0, _) => parser.context_mark.line,
            (line, unsafe_sys::YAML_SCANNER_ERROR) => line + 1,
            (line, _) => line,
        };
        if line == 0 || parser.error == unsafe_sys::YAML_READER_ERROR {
            problem
        } else {
            format!("line {line}: {problem}")
        }
    }
}

impl Drop for Parser<'_> {
    fn drop(&mut self) {
        // SAFETY: it was initialized in `new`, and nothing uses it afterwards.
        unsafe { unsafe_sys::yaml_parser_delete(addr_of_mut!(*self.parser)) }
    }
}

/// A copy of an event's text.
///
/// # Safety
/// The event was written by `yaml_parser_parse` and not yet deleted.
unsafe fn owned(event: &unsafe_sys::yaml_event_t) -> Event {
    // SAFETY: each union field is read only under the type that libyaml wrote it for; its strings end with a NUL,
    // and a scalar's value has the length beside it.
    unsafe {
        let properties = |anchor: *const u8, tag: *const u8| Properties { anchor: string(anchor), tag: string(tag) };
        match event.type_ {
            unsafe_sys::YAML_STREAM_START_EVENT => Event::StreamStart,
            unsafe_sys::YAML_DOCUMENT_START_EVENT => Event::DocumentStart,
            unsafe_sys::YAML_DOCUMENT_END_EVENT => Event::DocumentEnd,
            unsafe_sys::YAML_ALIAS_EVENT => Event::Alias(string(event.data.alias.anchor).unwrap_or_default()),
            unsafe_sys::YAML_SCALAR_EVENT => {
                let scalar = event.data.scalar;
                let length = usize::try_from(scalar.length).expect("a scalar is shorter than the text");
                let value = std::slice::from_raw_parts(scalar.value, length);
                Event::Scalar {
                    properties: properties(scalar.anchor, scalar.tag),
                    value: String::from_utf8_lossy(value).into_owned(),
                    plain: scalar.plain_implicit,
                }
            }
            unsafe_sys::YAML_SEQUENCE_START_EVENT => {
                let start = event.data.sequence_start;
                Event::SequenceStart(properties(start.anchor, start.tag))
            }
            unsafe_sys::YAML_SEQUENCE_END_EVENT => Event::SequenceEnd,
            unsafe_sys::YAML_MAPPING_START_EVENT => {
                let start = event.data.mapping_start;
                Event::MappingStart(properties(start.anchor, start.tag))
            }
            unsafe_sys::YAML_MAPPING_END_EVENT => Event::MappingEnd,
            _ => Event::StreamEnd,
        }
    }
}

/// A copy of a string that may be null.
///
/// # Safety
/// The pointer is null, or to a string that ends with a NUL.
unsafe fn string(text: *const u8) -> Option<String> {
    // SAFETY: as the caller says.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text.cast()) }.to_string_lossy().into_owned())
}
