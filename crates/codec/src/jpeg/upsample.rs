//! Chrominance that was coded coarser, for every pixel: the filters that libjpeg calls fancy, sample for sample.

use super::frame::{Coding, Component, Frame};
use super::plane::{Plane, Sample};

/// Row `y` of the picture out of a component's plane.
///
/// Halved columns, rows or both of a DCT frame are filtered by a triangle: three quarters of the nearer sample, one of
/// the farther. Everything else repeats samples.
pub(super) fn row<T: Sample>(
    frame: &Frame,
    component: &Component,
    plane: &Plane<T>,
    y: usize,
    out: &mut [T],
) {
    let (h, v) = ((frame.h_max / component.h) as usize, (frame.v_max / component.v) as usize);
    let near = plane.row(y / v);
    // The farther row: above for the upper of two, below for the lower; the edge's own beyond the edge.
    let far = || plane.row(if y.is_multiple_of(2) { (y / 2).saturating_sub(1) } else { y / 2 + 1 });
    let smooth = frame.coding != Coding::Lossless;
    match (h, v) {
        (1, 1) => out.iter_mut().zip(near).for_each(|(to, from)| *to = *from),
        (2, 1) if smooth && plane.width > 2 => h2v1(near, out),
        (2, 2) if smooth && plane.width > 2 => h2v2(near, far(), out),
        (1, 2) if smooth => h1v2(near, far(), 1 + y as i32 % 2, out),
        _ => out.chunks_mut(h).zip(near).for_each(|(to, from)| to.fill(*from)),
    }
}

fn h2v1<T: Sample>(near: &[T], out: &mut [T]) {
    let value =
        |index: usize| near.get(index.min(near.len().saturating_sub(1))).map_or(0, |sample| sample.value());
    for (x, pair) in out.chunks_mut(2).enumerate() {
        let here = value(x) * 3;
        let sides = [(here + value(x.saturating_sub(1)) + 1) >> 2, (here + value(x + 1) + 2) >> 2];
        pair.iter_mut().zip(sides).for_each(|(to, value)| *to = T::of(value));
    }
}

fn h1v2<T: Sample>(near: &[T], far: &[T], bias: i32, out: &mut [T]) {
    for (to, (near, far)) in out.iter_mut().zip(near.iter().zip(far)) {
        *to = T::of((near.value() * 3 + far.value() + bias) >> 2);
    }
}

fn h2v2<T: Sample>(near: &[T], far: &[T], out: &mut [T]) {
    let sum = |index: usize| {
        let index = index.min(near.len().saturating_sub(1));
        near.get(index).zip(far.get(index)).map_or(0, |(near, far)| near.value() * 3 + far.value())
    };
    let (mut before, mut here) = (sum(0), sum(0));
    for (x, pair) in out.chunks_mut(2).enumerate() {
        let after = sum(x + 1);
        let sides = [(here * 3 + before + 8) >> 4, (here * 3 + after + 7) >> 4];
        pair.iter_mut().zip(sides).for_each(|(to, value)| *to = T::of(value));
        (before, here) = (here, after);
    }
}
