//! The collections against the standard library's, over many random steps.

use std::collections::{BTreeMap, VecDeque};

use super::{CHUNK, OrdMap, OrdSet, Vector};
use crate::sim::Random;

fn check_map(map: &OrdMap<u32, u32>, model: &BTreeMap<u32, u32>, from: u32, to: u32) {
    assert_eq!(map.len(), model.len());
    assert!(map.iter().eq(model.iter()));
    assert!(map.iter().rev().eq(model.iter().rev()));
    assert!(map.range(from..).eq(model.range(from..)));
    assert_eq!(map.get_min().map(|(key, _)| key), model.keys().next());
    assert_eq!(map.get_max().map(|(key, _)| key), model.keys().next_back());
    if from <= to {
        assert!(map.range(from..to).eq(model.range(from..to)));
        assert!(map.range(from..=to).rev().eq(model.range(from..=to).rev()));
    } else {
        assert_eq!(map.range(from..to).count(), 0);
    }
    assert_eq!(map.get(&from), model.get(&from));
    assert_eq!(map.clone().into_iter().collect::<Vec<_>>(), model.clone().into_iter().collect::<Vec<_>>());
}

#[test]
fn a_map_does_what_the_standard_one_does_and_its_clones_stay_as_they_were() {
    let mut random = Random::fork(7, "map");
    for most in [3_u64, 100, 2000] {
        let (mut map, mut model) = (OrdMap::new(), BTreeMap::new());
        let mut checkpoint = (map.clone(), model.clone());
        for step in 0..4000 {
            let (key, value) = (random.below(most) as u32, step);
            // It grows, shrinks and grows again.
            if random.below(10) < if step / 1000 % 2 == 0 { 7 } else { 2 } {
                assert_eq!(map.insert(key, value), model.insert(key, value));
            } else if random.below(4) == 0 {
                *map.entry(key).or_insert(5) += 1;
                *model.entry(key).or_insert(5) += 1;
            } else {
                assert_eq!(map.remove(&key), model.remove(&key));
            }
            if step % 40 == 0 {
                check_map(&map, &model, random.below(most) as u32, random.below(most) as u32);
                check_map(&checkpoint.0, &checkpoint.1, 0, u32::MAX);
                checkpoint = (map.clone(), model.clone());
            }
        }
        map.retain(|key, value| {
            *value += 1;
            key % 3 == 0
        });
        model.retain(|key, value| {
            *value += 1;
            key % 3 == 0
        });
        check_map(&map, &model, 0, 50);
        check_map(&checkpoint.0, &checkpoint.1, 0, 50);
    }
}

#[test]
fn growing_keys_fill_whole_chunks_and_removed_ones_leave_no_crumbs() {
    let mut set: OrdSet<usize> = (0..10 * CHUNK).collect();
    assert_eq!(set.map().chunk_count(), 10);
    set.retain(|_| true);
    for key in 0..10 * CHUNK {
        if key % 50 != 0 {
            set.remove(&key);
        }
    }
    assert_eq!(set.len(), 10 * CHUNK / 50 + 1);
    assert!(set.map().chunk_count() <= 2, "{} chunks", set.map().chunk_count());
}

#[test]
fn a_vector_does_what_the_standard_deque_does() {
    let mut random = Random::fork(7, "vector");
    let (mut vector, mut model) = (Vector::new(), VecDeque::new());
    for step in 0..5000_usize {
        match random.below(if step % 1000 < 700 { 5 } else { 30 }) {
            0 | 5.. => assert_eq!(vector.pop_front(), model.pop_front()),
            1 if !model.is_empty() => {
                let at = random.below(model.len() as u64) as usize;
                vector.set(at, step);
                model[at] = step;
            }
            _ => {
                vector.push_back(step);
                model.push_back(step);
            }
        }
        assert_eq!((vector.len(), vector.front(), vector.back()), (model.len(), model.front(), model.back()));
        if step % 50 == 0 {
            let skipped = random.below(200) as usize;
            assert!(vector.iter().skip(skipped).eq(model.iter().skip(skipped)));
            assert!(vector.iter().rev().eq(model.iter().rev()));
            assert!(vector.clone().into_iter().eq(model.iter().copied()));
        }
    }
    vector.retain(|element| element % 2 == 0);
    model.retain(|element| element % 2 == 0);
    vector.drop_front(3);
    model.drain(..3);
    assert_eq!(vector.remove(2), model.remove(2).expect("there are more than two"));
    vector.truncate(5);
    model.truncate(5);
    assert!(vector.iter().eq(model.iter()));
}
