/* asset: music.meanings
   description: Each name with each artist that it may mean, and how many those are.
   owner: data-engineering
   tags: [music, names]
   write: { mode: replace, key: [name, artist_id], allow_empty: true }
   checks:
     - { unique: [name, artist_id] } */
with meant as (
  select
    n.name, coalesce(c.musicbrainz_id, s.artist_id, 'spotify:' || c.spotify_id) as artist_id, c.spotify_id, c.errors, c.found_by
  from music.names n
  join music.name_candidates c on c.phrase = n.phrase
  left join (
    select spotify_id, min(artist_id) as artist_id from music.identities where spotify_id is not null group by spotify_id
  ) s on s.spotify_id = c.spotify_id
),
one_each as (
  select name, artist_id, min(spotify_id) as spotify_id, min(errors) as errors, min(found_by) as found_by
  from meant
  group by name, artist_id
)
select name, artist_id, spotify_id, errors, found_by, count(*) over (partition by name) as meanings
from one_each
