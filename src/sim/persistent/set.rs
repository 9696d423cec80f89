//! The ordered set: a map without values.

use std::borrow::Borrow;
use std::fmt;
use std::ops::RangeBounds;

use super::map::{Iter, OrdMap};

/// An ordered set that is cheap to clone.
pub struct OrdSet<K>(OrdMap<K, ()>);

impl<K> OrdSet<K> {
    pub const fn new() -> Self {
        OrdSet(OrdMap::new())
    }

    /// A set of one element.
    pub fn unit(key: K) -> Self {
        OrdSet(OrdMap::unit(key, ()))
    }

    pub const fn len(&self) -> usize {
        self.0.len()
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    pub(super) fn map(&self) -> &OrdMap<K, ()> {
        &self.0
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The elements in order.
    pub fn iter(&self) -> Keys<'_, K> {
        Keys(self.0.iter())
    }

    /// The least element.
    pub fn get_min(&self) -> Option<&K> {
        self.0.get_min().map(|(key, ())| key)
    }
}

impl<K: Ord> OrdSet<K> {
    pub fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(key)
    }

    /// The elements that the other has too.
    pub fn intersection<'a>(&'a self, other: &'a OrdSet<K>) -> impl Iterator<Item = &'a K> {
        self.iter().filter(|key| other.contains(*key))
    }

    /// The elements that lie in a range.
    pub fn range<R: RangeBounds<Q>, Q: Ord + ?Sized>(&self, range: R) -> Keys<'_, K>
    where
        K: Borrow<Q>,
    {
        Keys(self.0.range(range))
    }
}

impl<K: Ord + Clone> OrdSet<K> {
    /// Puts an element in; says whether it was there.
    pub fn insert(&mut self, key: K) -> Option<()> {
        self.0.insert(key, ())
    }

    /// Takes an element out; says whether it was there.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<()>
    where
        K: Borrow<Q>,
    {
        self.0.remove(key)
    }

    /// Keeps the elements of which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&K) -> bool) {
        self.0.retain(|key, ()| keep(key));
    }
}

/// Elements in order.
pub struct Keys<'a, K>(Iter<'a, K, ()>);

impl<'a, K> Iterator for Keys<'a, K> {
    type Item = &'a K;

    fn next(&mut self) -> Option<&'a K> {
        self.0.next().map(|(key, ())| key)
    }
}

impl<K> DoubleEndedIterator for Keys<'_, K> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|(key, ())| key)
    }
}

impl<K> Clone for Keys<'_, K> {
    fn clone(&self) -> Self {
        Keys(self.0.clone())
    }
}

impl<K> Clone for OrdSet<K> {
    fn clone(&self) -> Self {
        OrdSet(self.0.clone())
    }
}

impl<K> Default for OrdSet<K> {
    fn default() -> Self {
        OrdSet::new()
    }
}

impl<K: fmt::Debug> fmt::Debug for OrdSet<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<K: PartialEq> PartialEq for OrdSet<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K: Eq> Eq for OrdSet<K> {}

impl<K: Ord + Clone> Extend<K> for OrdSet<K> {
    fn extend<I: IntoIterator<Item = K>>(&mut self, keys: I) {
        for key in keys {
            self.insert(key);
        }
    }
}

impl<K: Ord + Clone> FromIterator<K> for OrdSet<K> {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        let mut set = OrdSet::new();
        set.extend(keys);
        set
    }
}

impl<'a, K> IntoIterator for &'a OrdSet<K> {
    type Item = &'a K;
    type IntoIter = Keys<'a, K>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<K: Clone> IntoIterator for OrdSet<K> {
    type Item = K;
    type IntoIter = std::iter::Map<<OrdMap<K, ()> as IntoIterator>::IntoIter, fn((K, ())) -> K>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().map(|(key, ())| key)
    }
}
