/* asset: music.deezer_ids
   description: Which artist it is on Deezer, by MusicBrainz's link or because no other there has the name.
   owner: data-engineering
   tags: [music, names]
   write: { mode: replace, key: [artist_id], allow_empty: true }
   checks:
     - { unique: [artist_id] } */
select artist_id, linked_deezer_id as deezer_id, 'musicbrainz' as found_by
from music.identities
where linked_deezer_id is not null
union all
select i.artist_id, cast(min(c.id) as varchar) as deezer_id, 'the same name' as found_by
from music.identities i
join raw.deezer_candidates c on c.artist_id = i.artist_id
where i.linked_deezer_id is null and fold_name(c.name) = fold_name(i.name)
group by i.artist_id
having count(distinct c.id) = 1
