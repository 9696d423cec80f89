//! An index: keys by something of what stands under them.

use std::sync::Arc;

use super::{OrdMap, OrdSet};
use crate::sim::shared;

/// Keys by a text.
#[derive(Clone, Debug)]
pub struct TextIndex<K>(OrdMap<Arc<str>, OrdSet<K>>);

impl<K> Default for TextIndex<K> {
    fn default() -> Self {
        TextIndex(OrdMap::new())
    }
}

impl<K: Ord + Clone> TextIndex<K> {
    /// The keys under a text, in order.
    pub fn of<'a>(&'a self, text: &str) -> impl Iterator<Item = &'a K> + use<'a, K> {
        self.0.get(text).into_iter().flatten()
    }

    /// The texts that have keys, in order.
    pub fn texts(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.keys()
    }

    /// A key goes from one text to another, from none or to none.
    pub fn change(&mut self, key: &K, old: Option<&str>, new: Option<&str>) {
        if old == new {
            return;
        }
        if let Some(old) = old
            && let Some(keys) = self.0.get_mut(old)
        {
            keys.remove(key);
            if keys.is_empty() {
                self.0.remove(old);
            }
        }
        if let Some(new) = new {
            self.0.entry(shared(new)).or_default().insert(key.clone());
        }
    }
}
