//! Sorting that costs the page little: the standard sort is instantiated once, over indices, where its
//! own methods cost some 4 KiB for every type and comparison. Collecting into a `BTreeMap` sorts too.

use std::cmp::Ordering;

/// The stable sorts of a slice.
pub trait Order<T> {
    /// As `sort`.
    fn order(&mut self)
    where
        T: Ord;
    /// As `sort_by`.
    fn order_by(&mut self, compare: impl FnMut(&T, &T) -> Ordering);
    /// As `sort_by_key`.
    fn order_by_key<K: Ord>(&mut self, key: impl FnMut(&T) -> K);
}

/// Collecting into a map or a set entry by entry.
pub trait Gather: Iterator + Sized {
    /// As `collect`, which sorts first: some 4 KiB for every iterator it is called on.
    fn gather<C: Default + Extend<Self::Item>>(self) -> C {
        let mut collection = C::default();
        collection.extend(self);
        collection
    }
}

impl<I: Iterator> Gather for I {}

impl<T> Order<T> for [T] {
    fn order(&mut self)
    where
        T: Ord,
    {
        self.order_by(T::cmp);
    }

    fn order_by(&mut self, mut compare: impl FnMut(&T, &T) -> Ordering) {
        let order = sorted(self.len(), &mut |a, b| compare(&self[a], &self[b]));
        permute(order, &mut |a, b| self.swap(a, b));
    }

    fn order_by_key<K: Ord>(&mut self, mut key: impl FnMut(&T) -> K) {
        self.order_by(|a, b| key(a).cmp(&key(b)));
    }
}

/// The indices in the order of what they stand for.
fn sorted(len: usize, compare: &mut dyn FnMut(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    order.sort_by(|a, b| compare(*a, *b));
    order
}

/// Brings `order[i]` to `i` for every `i`, one cycle after the other.
fn permute(mut order: Vec<usize>, swap: &mut dyn FnMut(usize, usize)) {
    for first in 0..order.len() {
        let mut at = first;
        loop {
            let from = std::mem::replace(&mut order[at], at);
            if from == first {
                break;
            }
            swap(at, from);
            at = from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Order;
    use crate::sim::Random;

    #[test]
    fn orders_as_the_standard_sort_does() {
        let mut random = Random::fork(3, "order");
        for len in 0..200 {
            let items: Vec<(u64, usize)> = (0..len).map(|at| (random.below(20), at)).collect();
            let (mut ours, mut theirs) = (items.clone(), items);
            ours.order_by_key(|item| item.0);
            theirs.sort_by_key(|item| item.0);
            assert_eq!(ours, theirs);
            ours.order_by(|a, b| b.cmp(a));
            theirs.sort_by(|a, b| b.cmp(a));
            assert_eq!(ours, theirs);
        }
    }
}
