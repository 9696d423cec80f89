//! Texts that many hold: whoever asks for one gets the copy that another has, if it was asked for lately.

use std::cell::RefCell;
use std::sync::Arc;

/// How many texts are remembered: a power of two.
const SLOTS: usize = 4_096;
/// How much of either end of a text decides its slot.
const ENDS: usize = 24;

thread_local! {
    static TEXTS: RefCell<Vec<Option<Arc<str>>>> = const { RefCell::new(Vec::new()) };
}

fn slot(text: &str) -> usize {
    let bytes = text.as_bytes();
    let ends = bytes.iter().take(ENDS).chain(bytes.iter().rev().take(ENDS));
    // FNV-1a.
    let hash =
        ends.fold(0x811c_9dc5 ^ bytes.len() as u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    hash as usize % SLOTS
}

/// The text, shared with others who asked for the same one.
pub fn shared(text: &str) -> Arc<str> {
    TEXTS.with_borrow_mut(|texts| {
        texts.resize(SLOTS, None);
        let held = &mut texts[slot(text)];
        match held {
            Some(held) if **held == *text => held.clone(),
            _ => held.insert(Arc::from(text)).clone(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one_and_others_are_not() {
        let (one, other) = (shared("start worker processes"), shared("start worker processes"));
        assert!(Arc::ptr_eq(&one, &other));
        assert_eq!(&*shared("start worker process"), "start worker process");
        // Two texts of one slot take turns.
        let texts: Vec<String> = (0..3 * SLOTS).map(|number| number.to_string()).collect();
        assert!(texts.iter().all(|text| *shared(text) == **text));
    }
}
