//! The vector: chunks that are all full but the last, and a count of those popped off the first.

use std::fmt;
use std::ops::Index;
use std::sync::Arc;

use super::CHUNK;

/// A vector and queue that is cheap to clone.
pub struct Vector<T> {
    chunks: Vec<Arc<Vec<T>>>,
    /// Elements of the first chunk that were popped; they go with the chunk.
    popped: usize,
    len: usize,
}

impl<T> Vector<T> {
    pub const fn new() -> Self {
        Vector { chunks: Vec::new(), popped: 0, len: 0 }
    }

    pub const fn len(&self) -> usize {
        self.len
    }

    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn clear(&mut self) {
        *self = Vector::new();
    }

    pub fn get(&self, index: usize) -> Option<&T> {
        let at = index + self.popped;
        self.chunks.get(at / CHUNK)?.get(at % CHUNK)
    }

    pub fn front(&self) -> Option<&T> {
        self.get(0)
    }

    pub fn back(&self) -> Option<&T> {
        self.chunks.last()?.last()
    }

    /// The elements in order.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { vector: self, from: 0, to: self.len }
    }

    pub fn contains(&self, element: &T) -> bool
    where
        T: PartialEq,
    {
        self.iter().any(|held| held == element)
    }

    /// Gives up the first `count` elements.
    pub fn drop_front(&mut self, count: usize) {
        if count >= self.len {
            return self.clear();
        }
        self.len -= count;
        self.popped += count;
        self.chunks.drain(..self.popped / CHUNK);
        self.popped %= CHUNK;
    }
}

impl<T: Clone> Vector<T> {
    pub fn push_back(&mut self, element: T) {
        self.len += 1;
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => Arc::make_mut(last).push(element),
            _ => self.chunks.push(Arc::new(vec![element])),
        }
    }

    pub fn pop_front(&mut self) -> Option<T> {
        let first = self.front()?.clone();
        self.drop_front(1);
        Some(first)
    }

    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        let at = index + self.popped;
        Arc::make_mut(self.chunks.get_mut(at / CHUNK)?).get_mut(at % CHUNK)
    }

    /// Replaces an element, which must be there.
    pub fn set(&mut self, index: usize, element: T) {
        match self.get_mut(index) {
            Some(held) => *held = element,
            None => panic!("{index} is past the end"),
        }
    }

    /// The elements, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.chunks.iter_mut().flat_map(Arc::make_mut).skip(self.popped)
    }

    /// Takes an element, which must be there, out of the middle: every later one moves.
    pub fn remove(&mut self, index: usize) -> T {
        let taken = self[index].clone();
        *self = self.iter().take(index).chain(self.iter().skip(index + 1)).cloned().collect();
        taken
    }

    /// Keeps the elements of which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        if !self.iter().all(&mut keep) {
            *self = self.iter().filter(|element| keep(element)).cloned().collect();
        }
    }

    /// Gives up what is past the first `len` elements.
    pub fn truncate(&mut self, len: usize) {
        if len < self.len {
            *self = self.iter().take(len).cloned().collect();
        }
    }
}

/// The elements of a vector in order.
pub struct Iter<'a, T> {
    vector: &'a Vector<T>,
    from: usize,
    to: usize,
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        self.nth(0)
    }

    /// At once, however many are skipped.
    fn nth(&mut self, skipped: usize) -> Option<&'a T> {
        let at = self.from.saturating_add(skipped).min(self.to);
        self.from = (at + 1).min(self.to);
        if at < self.to { self.vector.get(at) } else { None }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.to - self.from, Some(self.to - self.from))
    }
}

impl<T> DoubleEndedIterator for Iter<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.from == self.to {
            return None;
        }
        self.to -= 1;
        self.vector.get(self.to)
    }
}

impl<T> ExactSizeIterator for Iter<'_, T> {}

impl<T> Clone for Iter<'_, T> {
    fn clone(&self) -> Self {
        Iter { vector: self.vector, from: self.from, to: self.to }
    }
}

impl<T> Clone for Vector<T> {
    fn clone(&self) -> Self {
        Vector { chunks: self.chunks.clone(), popped: self.popped, len: self.len }
    }
}

impl<T> Default for Vector<T> {
    fn default() -> Self {
        Vector::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for Vector<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: PartialEq> PartialEq for Vector<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<T: Eq> Eq for Vector<T> {}

impl<T: Clone> Extend<T> for Vector<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, elements: I) {
        for element in elements {
            self.push_back(element);
        }
    }
}

impl<T: Clone> FromIterator<T> for Vector<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        let mut vector = Vector::new();
        vector.extend(elements);
        vector
    }
}

impl<'a, T> IntoIterator for &'a Vector<T> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Clone> IntoIterator for Vector<T> {
    type Item = T;
    type IntoIter = std::iter::Skip<
        std::iter::FlatMap<
            std::vec::IntoIter<Arc<Vec<T>>>,
            std::vec::IntoIter<T>,
            fn(Arc<Vec<T>>) -> std::vec::IntoIter<T>,
        >,
    >;

    fn into_iter(self) -> Self::IntoIter {
        let chunks: fn(Arc<Vec<T>>) -> std::vec::IntoIter<T> = |chunk| Arc::unwrap_or_clone(chunk).into_iter();
        self.chunks.into_iter().flat_map(chunks).skip(self.popped)
    }
}

impl<T> Index<usize> for Vector<T> {
    type Output = T;

    fn index(&self, index: usize) -> &T {
        match self.get(index) {
            Some(element) => element,
            None => panic!("{index} is past the end"),
        }
    }
}
