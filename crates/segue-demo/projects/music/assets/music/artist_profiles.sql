/* asset: music.artist_profiles
   description: What an artist sounds like; six features of the ten most heard tracks that have them all, each from 0 (the least of all those tracks) to 1 (the most).
   owner: data-science
   tags: [music]
   write: { mode: replace, key: [artist_id], allow_empty: true }
   checks:
     - { unique: [artist_id] }
     - { between: { column: tracks_used, min: 1, max: 10 } }
     - { row: "array_length(features) = 6", name: six_features }
     - { row: "danceability_01 between -0.000001 and 1.000001 and energy_01 between -0.000001 and 1.000001 and loudness_01 between -0.000001 and 1.000001 and speechiness_01 between -0.000001 and 1.000001 and acousticness_01 between -0.000001 and 1.000001 and instrumentalness_01 between -0.000001 and 1.000001", name: within_the_bounds_of_the_same_tracks } */
with heard as (
  select
    track_id,
    max(case feature when 'danceability' then value end) as danceability,
    max(case feature when 'energy' then value end) as energy,
    max(case feature when 'loudness' then value end) as loudness,
    max(case feature when 'speechiness' then value end) as speechiness,
    max(case feature when 'acousticness' then value end) as acousticness,
    max(case feature when 'instrumentalness' then value end) as instrumentalness
  from music.track_features
  group by track_id
),
ranked as (
  select
    t.artist_id, h.*,
    row_number() over (partition by t.artist_id order by t.rank, t.track_id) as place
  from music.top_tracks t
  join heard h on h.track_id = t.track_id
  where h.danceability is not null and h.energy is not null and h.loudness is not null
    and h.speechiness is not null and h.acousticness is not null and h.instrumentalness is not null
),
chosen as (
  select * from ranked where place <= 10
),
bounds as (
  select
    min(danceability) as danceability_min, max(danceability) as danceability_max,
    min(energy) as energy_min, max(energy) as energy_max,
    min(loudness) as loudness_min, max(loudness) as loudness_max,
    min(speechiness) as speechiness_min, max(speechiness) as speechiness_max,
    min(acousticness) as acousticness_min, max(acousticness) as acousticness_max,
    min(instrumentalness) as instrumentalness_min, max(instrumentalness) as instrumentalness_max
  from chosen
),
-- Summed as decimals: floating point would give another last digit each time the rows come in another order.
means as (
  select
    artist_id,
    count(*) as tracks_used,
    cast(avg(cast(danceability as decimal(20, 12))) as double) as danceability,
    cast(avg(cast(energy as decimal(20, 12))) as double) as energy,
    cast(avg(cast(loudness as decimal(20, 12))) as double) as loudness,
    cast(avg(cast(speechiness as decimal(20, 12))) as double) as speechiness,
    cast(avg(cast(acousticness as decimal(20, 12))) as double) as acousticness,
    cast(avg(cast(instrumentalness as decimal(20, 12))) as double) as instrumentalness
  from chosen
  group by artist_id
),
between_bounds as (
  select
    m.*,
    case when danceability_max > danceability_min
         then (danceability - danceability_min) / (danceability_max - danceability_min) else 0.0 end as danceability_01,
    case when energy_max > energy_min
         then (energy - energy_min) / (energy_max - energy_min) else 0.0 end as energy_01,
    case when loudness_max > loudness_min
         then (loudness - loudness_min) / (loudness_max - loudness_min) else 0.0 end as loudness_01,
    case when speechiness_max > speechiness_min
         then (speechiness - speechiness_min) / (speechiness_max - speechiness_min) else 0.0 end as speechiness_01,
    case when acousticness_max > acousticness_min
         then (acousticness - acousticness_min) / (acousticness_max - acousticness_min) else 0.0 end as acousticness_01,
    case when instrumentalness_max > instrumentalness_min
         then (instrumentalness - instrumentalness_min) / (instrumentalness_max - instrumentalness_min) else 0.0 end as instrumentalness_01
  from means m
  cross join bounds
)
select *, make_array(danceability_01, energy_01, loudness_01, speechiness_01, acousticness_01, instrumentalness_01) as features
from between_bounds
