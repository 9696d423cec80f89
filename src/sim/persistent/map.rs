//! The ordered map: sorted chunks, none of them empty, in the order of their keys.

use std::borrow::Borrow;
use std::fmt;
use std::ops::{Bound, Index, RangeBounds};
use std::slice;
use std::sync::Arc;

use super::CHUNK;

type Chunk<K, V> = Arc<Vec<(K, V)>>;

/// An ordered map that is cheap to clone.
pub struct OrdMap<K, V> {
    chunks: Vec<Chunk<K, V>>,
    len: usize,
}

/// A place among the entries: the chunk and the index within. The end is one past the last chunk.
type Place = (usize, usize);

impl<K, V> OrdMap<K, V> {
    pub const fn new() -> Self {
        OrdMap { chunks: Vec::new(), len: 0 }
    }

    /// A map of one entry.
    pub fn unit(key: K, value: V) -> Self {
        OrdMap { chunks: vec![Arc::new(vec![(key, value)])], len: 1 }
    }

    pub const fn len(&self) -> usize {
        self.len
    }

    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[cfg(test)]
    pub(super) fn chunk_count(&self) -> usize {
        self.chunks.len()
    }

    pub fn clear(&mut self) {
        *self = OrdMap::new();
    }

    /// Whether the two are clones of one map that neither was changed since. (A change that was undone counts.)
    pub fn is_same(&self, other: &Self) -> bool {
        self.len == other.len
            && self.chunks.len() == other.chunks.len()
            && self.chunks.iter().zip(&other.chunks).all(|(a, b)| Arc::ptr_eq(a, b))
    }

    /// The entries in the order of their keys.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter { front: [].iter(), chunks: self.chunks.iter(), back: [].iter() }
    }

    /// The keys in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> + Clone {
        self.iter().map(|(key, _)| key)
    }

    /// The values in the order of their keys.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + Clone {
        self.iter().map(|(_, value)| value)
    }

    /// The entry with the least key.
    pub fn get_min(&self) -> Option<&(K, V)> {
        self.chunks.first()?.first()
    }

    /// The entry with the greatest key.
    pub fn get_max(&self) -> Option<&(K, V)> {
        self.chunks.last()?.last()
    }
}

impl<K: Ord, V> OrdMap<K, V> {
    /// Where the key is, or where it would go.
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<Place, Place>
    where
        K: Borrow<Q>,
    {
        // The chunk is the first that does not end before the key.
        let (mut low, mut high) = (0, self.chunks.len());
        while low < high {
            let middle = (low + high) / 2;
            match self.chunks[middle].last() {
                Some((last, _)) if last.borrow() < key => low = middle + 1,
                _ => high = middle,
            }
        }
        let Some(chunk) = self.chunks.get(low) else { return Err((low, 0)) };
        match chunk.binary_search_by(|(held, _)| held.borrow().cmp(key)) {
            Ok(at) => Ok((low, at)),
            Err(at) => Err((low, at)),
        }
    }

    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let (chunk, at) = self.find(key).ok()?;
        Some(&self.chunks[chunk][at].1)
    }

    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.find(key).is_ok()
    }

    /// The entries whose keys lie in a range.
    pub fn range<R: RangeBounds<Q>, Q: Ord + ?Sized>(&self, range: R) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        let from = match range.start_bound() {
            Bound::Included(key) => self.place(key, false),
            Bound::Excluded(key) => self.place(key, true),
            Bound::Unbounded => (0, 0),
        };
        let to = match range.end_bound() {
            Bound::Included(key) => self.place(key, true),
            Bound::Excluded(key) => self.place(key, false),
            Bound::Unbounded => (self.chunks.len(), 0),
        };
        self.between(from, to)
    }

    /// Where the key is or would go, or the place after it.
    fn place<Q: Ord + ?Sized>(&self, key: &Q, after: bool) -> Place
    where
        K: Borrow<Q>,
    {
        match self.find(key) {
            Ok((chunk, at)) => (chunk, at + usize::from(after)),
            Err(place) => place,
        }
    }

    fn between(&self, from: Place, to: Place) -> Iter<'_, K, V> {
        let chunk = |at: usize| self.chunks.get(at).map_or(&[][..], |chunk| &chunk[..]);
        if from.0 == to.0 {
            let front = chunk(from.0).get(from.1..to.1).unwrap_or_default().iter();
            return Iter { front, chunks: [].iter(), back: [].iter() };
        }
        let chunks = self.chunks.get(from.0 + 1..to.0).unwrap_or_default().iter();
        if from.0 > to.0 {
            return Iter { front: [].iter(), chunks, back: [].iter() };
        }
        Iter { front: chunk(from.0)[from.1..].iter(), chunks, back: chunk(to.0)[..to.1].iter() }
    }
}

impl<K: Ord + Clone, V: Clone> OrdMap<K, V> {
    fn at_mut(&mut self, (chunk, at): Place) -> &mut V {
        &mut Arc::make_mut(&mut self.chunks[chunk])[at].1
    }

    /// Puts an entry where `find` said it goes; says where it went, since a full chunk is split.
    fn insert_at(&mut self, (mut chunk, mut at): Place, entry: (K, V)) -> Place {
        self.len += 1;
        // Past the end: keys that only grow fill one chunk after the other.
        if chunk == self.chunks.len() {
            match self.chunks.last() {
                Some(last) if last.len() < CHUNK => (chunk, at) = (chunk - 1, last.len()),
                _ => {
                    self.chunks.push(Arc::new(vec![entry]));
                    return (chunk, 0);
                }
            }
        }
        let mut entries = Arc::make_mut(&mut self.chunks[chunk]);
        if entries.len() == CHUNK {
            let upper = Arc::new(entries.split_off(CHUNK / 2));
            self.chunks.insert(chunk + 1, upper);
            if at > CHUNK / 2 {
                (chunk, at) = (chunk + 1, at - CHUNK / 2);
            }
            entries = Arc::make_mut(&mut self.chunks[chunk]);
        }
        entries.insert(at, entry);
        (chunk, at)
    }

    /// Takes an entry out; a chunk that has become small joins a small neighbour.
    fn remove_at(&mut self, (chunk, at): Place) -> (K, V) {
        self.len -= 1;
        let entries = Arc::make_mut(&mut self.chunks[chunk]);
        let taken = entries.remove(at);
        let left = entries.len();
        if left == 0 {
            self.chunks.remove(chunk);
        } else if left < CHUNK / 4 {
            let before = chunk.checked_sub(1);
            for first in [Some(chunk), before].into_iter().flatten() {
                let room = CHUNK / 2 - left;
                let other = if first == chunk { chunk + 1 } else { first };
                if self.chunks.get(other).is_some_and(|other| other.len() <= room) {
                    let mut second = self.chunks.remove(first + 1);
                    Arc::make_mut(&mut self.chunks[first]).append(Arc::make_mut(&mut second));
                    break;
                }
            }
        }
        taken
    }

    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let place = self.find(key).ok()?;
        Some(self.at_mut(place))
    }

    /// Puts a value under a key; returns the one it replaces.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(place) => Some(std::mem::replace(self.at_mut(place), value)),
            Err(place) => {
                self.insert_at(place, (key, value));
                None
            }
        }
    }

    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let place = self.find(key).ok()?;
        Some(self.remove_at(place).1)
    }

    /// Keeps the entries of which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        for chunk in &mut self.chunks {
            Arc::make_mut(chunk).retain_mut(|(key, value)| keep(key, value));
        }
        self.chunks.retain(|chunk| !chunk.is_empty());
        self.len = self.chunks.iter().map(|chunk| chunk.len()).sum();
    }

    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        let place = self.find(&key);
        Entry { map: self, key, place }
    }

    /// The entries with their values to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.chunks.iter_mut().flat_map(Arc::make_mut).map(|(key, value)| (&*key, value))
    }

    /// The values, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.iter_mut().map(|(_, value)| value)
    }
}

/// What is under a key, or would be.
pub struct Entry<'a, K, V> {
    map: &'a mut OrdMap<K, V>,
    key: K,
    place: Result<Place, Place>,
}

impl<'a, K: Ord + Clone, V: Clone> Entry<'a, K, V> {
    pub fn or_insert(self, value: V) -> &'a mut V {
        self.or_insert_with(|| value)
    }

    pub fn or_insert_with(self, value: impl FnOnce() -> V) -> &'a mut V {
        let place = match self.place {
            Ok(place) => place,
            Err(place) => self.map.insert_at(place, (self.key, value())),
        };
        self.map.at_mut(place)
    }

    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// Changes the value if there is one.
    pub fn and_modify(self, change: impl FnOnce(&mut V)) -> Self {
        if let Ok(place) = self.place {
            change(self.map.at_mut(place));
        }
        self
    }
}

/// Entries in the order of their keys: the rest of a chunk, whole chunks, the beginning of one.
pub struct Iter<'a, K, V> {
    front: slice::Iter<'a, (K, V)>,
    chunks: slice::Iter<'a, Chunk<K, V>>,
    back: slice::Iter<'a, (K, V)>,
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, value)) = self.front.next() {
                return Some((key, value));
            }
            match self.chunks.next() {
                Some(chunk) => self.front = chunk.iter(),
                None => return self.back.next().map(|(key, value)| (key, value)),
            }
        }
    }
}

impl<K, V> DoubleEndedIterator for Iter<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, value)) = self.back.next_back() {
                return Some((key, value));
            }
            match self.chunks.next_back() {
                Some(chunk) => self.back = chunk.iter(),
                None => return self.front.next_back().map(|(key, value)| (key, value)),
            }
        }
    }
}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Iter { front: self.front.clone(), chunks: self.chunks.clone(), back: self.back.clone() }
    }
}

impl<K, V> Clone for OrdMap<K, V> {
    fn clone(&self) -> Self {
        OrdMap { chunks: self.chunks.clone(), len: self.len }
    }
}

impl<K, V> Default for OrdMap<K, V> {
    fn default() -> Self {
        OrdMap::new()
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for OrdMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for OrdMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<K: Eq, V: Eq> Eq for OrdMap<K, V> {}

impl<K: Ord + Clone, V: Clone> Extend<(K, V)> for OrdMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K: Ord + Clone, V: Clone> FromIterator<(K, V)> for OrdMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = OrdMap::new();
        map.extend(entries);
        map
    }
}

impl<'a, K, V> IntoIterator for &'a OrdMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<K: Clone, V: Clone> IntoIterator for OrdMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::iter::FlatMap<
        std::vec::IntoIter<Chunk<K, V>>,
        std::vec::IntoIter<(K, V)>,
        fn(Chunk<K, V>) -> std::vec::IntoIter<(K, V)>,
    >;

    fn into_iter(self) -> Self::IntoIter {
        self.chunks.into_iter().flat_map(|chunk| Arc::unwrap_or_clone(chunk).into_iter())
    }
}

impl<K: Ord + Borrow<Q>, V, Q: Ord + ?Sized> Index<&Q> for OrdMap<K, V> {
    type Output = V;

    fn index(&self, key: &Q) -> &V {
        match self.get(key) {
            Some(value) => value,
            None => panic!("the key is not in the map"),
        }
    }
}
