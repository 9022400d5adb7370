//! Private attributes whose owner is known and whose block is not (PS3.5 7.8.1).

use std::collections::HashMap;

use model::{Tag, VR};

use super::value::padded;
use super::{Draft, Element, Fault, Hole, Value};

/// Gives each owner a block: the one that the data set reserves for it, else the first that is free, which is reserved.
pub(super) fn put_into_blocks(
    data: &mut Draft,
    owned: Vec<(usize, String)>,
    bulk: &mut [Hole],
) -> Result<(), Fault> {
    let mut blocks: HashMap<(u16, String), u16> = HashMap::new();
    let mut taken: HashMap<(u16, u16), ()> = HashMap::new();
    for element in data.elements.iter().filter(|element| is_creator(element.tag)) {
        let Value::Bytes(bytes) = &element.value else { continue };
        let name = String::from_utf8_lossy(model::value::trim(VR::LO, bytes)).into_owned();
        let (group, block) = (element.tag.group(), element.tag.element());
        taken.insert((group, block), ());
        blocks.entry((group, name)).or_insert(block);
    }
    for (at, owner) in owned {
        let Some(tag) = data.elements.get(at).map(|element| element.tag) else { continue };
        let key = (tag.group(), owner);
        let block = match blocks.get(&key) {
            Some(block) => *block,
            None => {
                let free = (0x10..=0xFF).find(|block| !taken.contains_key(&(key.0, *block)));
                let block = free.ok_or(Fault::Creator(tag))?;
                taken.insert((key.0, block), ());
                let value = Value::Bytes(padded(VR::LO, key.1.clone().into_bytes()).into());
                data.elements.push(Element { tag: Tag(key.0, block), vr: VR::LO, value });
                blocks.insert(key, block);
                block
            }
        };
        if let Some(element) = data.elements.get_mut(at) {
            element.tag = Tag(tag.group(), block << 8 | tag.element() & 0x00FF);
            if let Value::Bulk(hole) = element.value
                && let Some(hole) = bulk.get_mut(hole)
            {
                hole.tag = element.tag;
            }
        }
    }
    Ok(())
}

fn is_creator(tag: Tag) -> bool {
    tag.group() % 2 == 1 && matches!(tag.element(), 0x0010..=0x00FF)
}
