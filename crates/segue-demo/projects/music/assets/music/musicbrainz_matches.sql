/* asset: music.musicbrainz_matches
   description: Which of MusicBrainz's candidates have the very name, as their own or as an alias in any script.
   owner: data-engineering
   tags: [music, names]
   write: { mode: replace, key: [phrase, mbid], allow_empty: true }
   checks:
     - { unique: [phrase, mbid] } */
with called as (
  select phrase, mbid, name as called from raw.musicbrainz_candidates
  union all
  select phrase, mbid, sort_name from raw.musicbrainz_candidates
  union all
  select phrase, mbid, unnest(aliases) from raw.musicbrainz_candidates
)
select distinct n.phrase, c.mbid
from called c
join (select distinct phrase, folded from music.names) n on n.phrase = c.phrase
where fold_name(c.called) = n.folded
