//! Heartbeat slots on images of mkfs.ocfs2: a fresh volume has none written, and what a disk
//! may hold instead is distinguished and never a crash.

use crate::common::Image;
use ocfs2box::ondisk::heartbeat_slots::{Beats, Sign, Slot};

fn beats(image: &mut Image) -> Beats {
    let geometry = image.volume().heartbeat(image).unwrap().unwrap();
    geometry.beats(image).unwrap()
}

#[test]
fn fresh_volume_has_no_node_in_any_slot() {
    for args in [
        "-b 512 -C 4K -N 3 -J size=4M",
        "-b 4K -C 64K -N 5 -J size=4M --cluster-stack=o2cb --cluster-name=webc",
    ] {
        let mut image = Image::make(400 << 20, args);
        let found = beats(&mut image);
        assert_eq!(found.iter().count(), 255, "{args}");
        assert!(found.iter().all(|(_, slot)| slot == Slot::Never), "{args}");
        let volume = image.volume();
        let map = volume.slot_map(&mut image).unwrap();
        let slots = usize::from(volume.max_slots);
        assert_eq!(map, vec![None; slots], "{args}");
    }
}

#[test]
fn rubbish_in_a_slot_is_distinguished_from_a_node() {
    let mut image = Image::make(400 << 20, "-b 4K -C 4K -N 2 -J size=4M");
    for sector in [512u32, 4096] {
        image.sector = sector;
        let geometry = image.volume().heartbeat(&mut image).unwrap().unwrap();
        let first = (geometry.start_block * u64::from(sector)) as usize;
        let at = |node: usize| first + node * sector as usize;
        let before = beats(&mut image);
        image.bytes[at(0)..at(1)].fill(0xFF);
        // Text, as of a file that lies where the heartbeat should.
        image.bytes[at(5)..at(5) + 9].copy_from_slice(b"#!/bin/sh");
        // A single bit.
        image.bytes[at(255) - 1] = 0x80;
        let after = beats(&mut image);
        let signs: Vec<_> = before
            .compare(&after)
            .filter(|(_, sign)| *sign != Sign::Never)
            .collect();
        let damaged = [0, 5, 254].map(|node| (node, Sign::Damaged));
        assert_eq!(signs, damaged, "{sector}");
        image.bytes[first..at(255)].fill(0);
    }
}
