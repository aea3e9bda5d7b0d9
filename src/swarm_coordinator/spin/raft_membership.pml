/* Copyright 2026 Swarm Stack maintainers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Raft elections and replication while the membership changes by one server at a time.
 *
 * Owns the abstract protocol of Ongaro and Ousterhout (Figure 2), thesis section 4.1 and Ongaro's
 * correction of 2015 (an entry of the leader's own term is committed before it changes the
 * membership). Knows no time: anybody may campaign, crash or be slow at any moment, so what
 * pre-vote, check-quorum and timing forbid happens here too. Bounds and mutations are macros that
 * scripts/spin.py sets; README.md says what they mean and which simplifications were made.
 */

#ifndef SERVERS
#define SERVERS 4               /* at most 4: a membership is a mask of 4 bits */
#endif
#ifndef TERMS
#define TERMS 3                 /* at most 4: receive() lists them */
#endif
#ifndef ENTRIES
#define ENTRIES 4               /* length of a log, at most 6 */
#endif
#ifndef CHANGES
#define CHANGES 2               /* membership entries in one run */
#endif
#ifndef FIRST_VOTERS
#define FIRST_VOTERS 15         /* mask of the voters of an empty log */
#endif

#define BIT(s) (1 << (s))
#define IN(mask, s) (((mask) >> (s)) & 1)
#define COUNT(m) (((m) & 1) + (((m) >> 1) & 1) + (((m) >> 2) & 1) + (((m) >> 3) & 1))
#define IS_QUORUM(set, voters) (2 * COUNT((set) & (voters)) > COUNT(voters))

/* An entry: its term, and the mask of the voters if it is a membership entry (0 = a noop). */
#define ENTRY(term, voters) (((term) << 4) | (voters))
#define TERM_OF(entry) ((entry) >> 4)
#define VOTERS_OF(entry) ((entry) & 15)

#define LOG(s, i) log[(s) * ENTRIES + (i) - 1]
#define LAST_TERM(s) (length[s] == 0 -> 0 : TERM_OF(LOG(s, length[s])))
#define SENT(t, i) sent[((t) - 1) * ENTRIES + (i) - 1]
#define ACKED(s, f) acked[(s) * SERVERS + (f)]
#define HAS_ACKED(s, f, i) ((ACKED(s, f) >= (i)) << (f))

#define FOLLOWER 0
#define CANDIDATE 1
#define LEADER 2

/* Durable. voted_for: 0 = nobody, else server + 1. */
byte term[SERVERS];
byte voted_for[SERVERS];
byte length[SERVERS];
byte log[SERVERS * ENTRIES];

/* Follows from the log: the last membership in it counts from when it is appended. */
byte voters[SERVERS];
byte voters_index[SERVERS];

/* Volatile. */
byte role[SERVERS];
byte committed[SERVERS];        /* of a leader: highest index that it committed in its term */

/* The network: everything ever sent, so each message may come never, late or again. */
byte granted[SERVERS];          /* votes for this candidate in its term, a mask */
byte acked[SERVERS * SERVERS];  /* highest index acknowledged to this leader in its term */
byte sent[TERMS * ENTRIES];     /* the log as the leader of a term could send it */
byte sent_length[TERMS + 1];

/* What an observer writes down. */
byte leader[TERMS + 1];         /* of a term: server + 1, 0 = none yet */
byte truth[ENTRIES];            /* entries that anybody committed */
byte truth_term[ENTRIES];       /* ... and the term in which it did */
byte truth_length;
byte changes;
byte top;                       /* highest term so far */
#ifdef WIPED_DISK_VOTES
bool wiped;
#endif

#ifdef VOTE_COUNT_INT
byte counted[SERVERS];
#define HAS_WON(s) (2 * counted[s] > COUNT(voters[s]))
#else
#define HAS_WON(s) IS_QUORUM(granted[s], voters[s])
#endif

#ifdef NO_LOG_CHECK
#define IS_UP_TO_DATE(c, v) true
#else
#define IS_UP_TO_DATE(c, v) (LAST_TERM(c) > LAST_TERM(v) \
    || (LAST_TERM(c) == LAST_TERM(v) && length[c] >= length[v]))
#endif

#ifdef NO_2015_RULE
#define MAY_CHANGE(s) (voters_index[s] <= committed[s])
#elif defined(TWO_PENDING)
#define MAY_CHANGE(s) (committed[s] > 0)
#else
#define MAY_CHANGE(s) (committed[s] > 0 && voters_index[s] <= committed[s])
#endif

#ifdef COMMIT_OLD_TERM
#define MAY_COMMIT_TERM(s, i) true
#else
#define MAY_COMMIT_TERM(s, i) (TERM_OF(LOG(s, i)) == term[s])
#endif

#if SERVERS == 4
#define ACK_MASK(s, i) (HAS_ACKED(s, 0, i) | HAS_ACKED(s, 1, i) | HAS_ACKED(s, 2, i) \
    | HAS_ACKED(s, 3, i))
#define EVERYBODY_BEYOND(t) (term[0] > (t) && term[1] > (t) && term[2] > (t) && term[3] > (t))
#else
#define ACK_MASK(s, i) (HAS_ACKED(s, 0, i) | HAS_ACKED(s, 1, i) | HAS_ACKED(s, 2, i))
#define EVERYBODY_BEYOND(t) (term[0] > (t) && term[1] > (t) && term[2] > (t))
#endif
#define CAN_COMMIT(s, i) (MAY_COMMIT_TERM(s, i) && IS_QUORUM(ACK_MASK(s, i), voters[s]))

byte at, other;                 /* loop counters, 0 between the steps */
bool same;
byte hold;

inline read_voters(s) {
    voters[s] = FIRST_VOTERS;
    voters_index[s] = 0;
    for (at : 1 .. ENTRIES) {
        if
        :: at <= length[s] && VOTERS_OF(LOG(s, at)) ->
            voters[s] = VOTERS_OF(LOG(s, at));
            voters_index[s] = at
        :: else
        fi
    }
    at = 0
}

/* No longer candidate or leader: what was volatile is gone, and answers to it change nothing. */
inline step_down(s) {
    role[s] = FOLLOWER;
    committed[s] = 0;
    granted[s] = 0;
#ifdef VOTE_COUNT_INT
    counted[s] = 0;
#endif
    for (at : 0 .. SERVERS - 1) { ACKED(s, at) = 0 }
    at = 0
}

/* Messages of a term that everybody has left behind are refused by all: forget them. */
inline enter_term(s, t) {
    step_down(s);
    term[s] = t;
    voted_for[s] = 0;
    top = (t > top -> t : top);
    for (at : 1 .. TERMS) {
        if
        :: sent_length[at] && EVERYBODY_BEYOND(at) ->
            for (other : 1 .. ENTRIES) { SENT(at, other) = 0 }
            other = 0;
            sent_length[at] = 0;
            leader[at] = 0
        :: else
        fi
    }
    at = 0
}

inline append(s, entry) {
    length[s]++;
    LOG(s, length[s]) = entry;
    SENT(term[s], length[s]) = entry;
    sent_length[term[s]] = length[s];
    ACKED(s, s) = length[s];
    if
    :: VOTERS_OF(entry) -> voters[s] = VOTERS_OF(entry); voters_index[s] = length[s]
    :: else
    fi
}

/* Section 5.2: election safety; section 5.4: leader completeness, for what was committed in
 * earlier terms. */
inline lead(s) {
    printf("#%d leads term %d with %d entries\n", s, term[s], length[s]);
    assert(leader[term[s]] == 0);
    leader[term[s]] = s + 1;
    for (at : 1 .. ENTRIES) {
        if
        :: at <= truth_length && truth_term[at - 1] < term[s] ->
            assert(length[s] >= at && LOG(s, at) == truth[at - 1])
        :: else
        fi
    }
    at = 0;
    granted[s] = 0;
#ifdef VOTE_COUNT_INT
    counted[s] = 0;
#endif
    role[s] = LEADER;
    for (at : 1 .. ENTRIES) {
        if
        :: at <= length[s] -> SENT(term[s], at) = LOG(s, at)
        :: else
        fi
    }
    at = 0;
    append(s, ENTRY(term[s], 0))
}

/* Section 5.4.3, state machine safety: nobody commits anything else at an index. */
inline commit(s, i) {
    printf("#%d commits entry %d in term %d\n", s, i, term[s]);
    committed[s] = i;
    for (at : 1 .. ENTRIES) {
        if
        :: at <= i && at <= truth_length -> assert(LOG(s, at) == truth[at - 1])
        :: at <= i && at > truth_length ->
            truth[at - 1] = LOG(s, at);
            truth_term[at - 1] = term[s]
        :: else
        fi
    }
    at = 0;
    truth_length = (i > truth_length -> i : truth_length)
}

/* Section 5.3, log matching: the same term at an index means the same log up to there. */
inline check_log_matching(s) {
    for (other : 0 .. SERVERS - 1) {
        same = true;
        for (at : 1 .. ENTRIES) {
            if
            :: at > length[s] || at > length[other] -> skip
            :: else ->
                same = same && LOG(s, at) == LOG(other, at);
                assert(same || TERM_OF(LOG(s, at)) != TERM_OF(LOG(other, at)))
            fi
        }
        same = false
    }
    at = 0;
    other = 0
}

/* Entry i of the leader of term t arrives: one entry per message, see README.md. */
inline take(s, t, i) {
    printf("#%d takes entry %d from the leader of term %d\n", s, i, t);
    if
    :: term[s] < t -> enter_term(s, t)
    :: else -> step_down(s)
    fi;
    if
#ifndef TRUNCATE_ALWAYS
    :: length[s] >= i && TERM_OF(LOG(s, i)) == TERM_OF(SENT(t, i)) -> skip
#endif
    :: else ->
        for (at : 1 .. ENTRIES) {
            if
            :: at >= i -> LOG(s, at) = 0
            :: else
            fi
        }
        at = 0;
        LOG(s, i) = SENT(t, i);
        length[s] = i;
        read_voters(s);
        check_log_matching(s)
    fi;
    other = leader[t] - 1;
    if
    :: role[other] == LEADER && term[other] == t && ACKED(other, s) < i -> ACKED(other, s) = i
    :: else
    fi;
    other = 0
}

/* Names do not matter: after every step the servers are sorted, so that of all the states that
 * differ by names only (nearly) one is looked at. First voters and the others are sorted apart.
 * What is printed has the numbers of the moment, and says when they change: scripts/spin.py
 * translates. */
#define KEY(s) (term[s] + (role[s] << 3) + (length[s] << 5) + (LAST_TERM(s) << 8) \
    + ((voted_for[s] == 0 -> 0 : (voted_for[s] == s + 1 -> 1 : 2)) << 11) \
    + (COUNT(granted[s]) << 13) + (voters_index[s] << 16) \
    + ((IN(granted[0], s) + IN(granted[1], s) + IN(granted[2], s) + IN(granted[SERVERS - 1], s)) \
        << 19) \
    + ((IN(voters[0], s) + IN(voters[1], s) + IN(voters[2], s) + IN(voters[SERVERS - 1], s)) \
        << 22) \
    + ((ACKED(0, s) + ACKED(1, s) + ACKED(2, s) + ACKED(SERVERS - 1, s)) << 25))

inline exchange(one, two) { hold = one; one = two; two = hold }
inline exchange_bits(mask, a, b) {
    mask = (IN(mask, a) == IN(mask, b) -> mask : mask ^ (BIT(a) | BIT(b)))
}
inline exchange_number(who, a, b) {
    who = (who == a + 1 -> b + 1 : (who == b + 1 -> a + 1 : who))
}

inline exchange_servers(a, b) {
    printf("exchange #%d #%d\n", a, b);
    exchange(term[a], term[b]);
    exchange(voted_for[a], voted_for[b]);
    exchange(length[a], length[b]);
    exchange(voters[a], voters[b]);
    exchange(voters_index[a], voters_index[b]);
    exchange(role[a], role[b]);
    exchange(committed[a], committed[b]);
    exchange(granted[a], granted[b]);
#ifdef VOTE_COUNT_INT
    exchange(counted[a], counted[b]);
#endif
    for (at : 1 .. ENTRIES) {
        exchange(LOG(a, at), LOG(b, at));
        exchange_bits(truth[at - 1], a, b);
        for (other : 1 .. TERMS) { exchange_bits(SENT(other, at), a, b) }
    }
    for (at : 0 .. SERVERS - 1) { exchange(ACKED(a, at), ACKED(b, at)) }
    for (at : 0 .. SERVERS - 1) {
        exchange(ACKED(at, a), ACKED(at, b));
        exchange_number(voted_for[at], a, b);
        exchange_bits(voters[at], a, b);
        exchange_bits(granted[at], a, b);
        for (other : 1 .. ENTRIES) { exchange_bits(LOG(at, other), a, b) }
    }
    for (at : 1 .. TERMS) { exchange_number(leader[at], a, b) }
    at = 0;
    other = 0;
    hold = 0
}

inline sort_pair(a, b) {
    if
    :: IN(FIRST_VOTERS, a) == IN(FIRST_VOTERS, b) && KEY(a) < KEY(b) -> exchange_servers(a, b)
    :: else
    fi
}

inline sort_servers() {
    sort_pair(0, 1);
    sort_pair(1, 2);
#if SERVERS >= 4
    sort_pair(2, 3);
    sort_pair(0, 1);
    sort_pair(1, 2);
#endif
    sort_pair(0, 1)
}

/* A step is chosen by its guard, then done in one piece, and then the servers are sorted. */
mtype = { CAMPAIGN, GRANT, COUNT, LEAD, CHANGE, COMMIT, TAKE, RESTART, LOSE_DISK };
mtype step;
byte x, y;

#define MAY_CAMPAIGN(t) \
    :: role[me] != LEADER && term[me] < t && t <= top + 1 && IN(voters[me], me) -> \
        step = CAMPAIGN; x = t
#define MAY_GRANT(c) \
    :: c != me && role[c] == CANDIDATE && IS_UP_TO_DATE(c, me) && (term[me] < term[c] \
            || (term[me] == term[c] && voted_for[me] == 0)) -> \
        step = GRANT; x = c
#define MAY_COUNT(v) \
    :: role[me] == CANDIDATE && v != me && IN(granted[me], v) && IN(voters[me], v) \
            && counted[me] < SERVERS -> \
        step = COUNT; x = v
#define MAY_CHANGE_OF(s) \
    :: role[me] == LEADER && changes < CHANGES && length[me] < ENTRIES && MAY_CHANGE(me) \
            && (voters[me] ^ BIT(s)) -> \
        step = CHANGE; x = s
#define MAY_COMMIT(i) \
    :: role[me] == LEADER && i <= length[me] && committed[me] < i && CAN_COMMIT(me, i) -> \
        step = COMMIT; x = i
#define MAY_TAKE(t, i) \
    :: i <= ENTRIES && sent_length[t] >= i && leader[t] != me + 1 && term[me] <= t \
            && (i == 1 || (length[me] >= i - 1 \
                && TERM_OF(LOG(me, i - 1)) == TERM_OF(SENT(t, i - 1)))) -> \
        step = TAKE; x = t; y = i
#define MAY_TAKE_OF(t) \
    MAY_TAKE(t, 1) MAY_TAKE(t, 2) MAY_TAKE(t, 3) MAY_TAKE(t, 4) MAY_TAKE(t, 5) MAY_TAKE(t, 6)

inline campaign(s, t) {
    printf("#%d campaigns in term %d\n", s, t);
    enter_term(s, t);
    role[s] = CANDIDATE;
    voted_for[s] = s + 1;
    granted[s] = BIT(s);
#ifdef VOTE_COUNT_INT
    counted[s] = 1
#endif
}

inline grant(s, c) {
    printf("#%d votes for #%d in term %d\n", s, c, term[c]);
    if
    :: term[s] < term[c] -> enter_term(s, term[c])
    :: else
    fi;
    voted_for[s] = c + 1;
    granted[c] = granted[c] | BIT(s)
}

inline change(s, other_voter) {
    printf("#%d changes the voters from {%x} to {%x}\n", s, voters[s],
        voters[s] ^ BIT(other_voter));
    changes++;
    append(s, ENTRY(term[s], voters[s] ^ BIT(other_voter)))
}

/* Crash and restart: what is durable stays. */
inline restart(s) {
    printf("#%d starts anew\n", s);
#ifdef VOTE_NOT_DURABLE
    voted_for[s] = 0;
#endif
    step_down(s)
}

#ifdef VOTE_NOT_DURABLE
#define IS_CHANGED_BY_RESTART(s) (role[s] != FOLLOWER || voted_for[s])
#else
#define IS_CHANGED_BY_RESTART(s) (role[s] != FOLLOWER)
#endif

/* A wiped disk that is still taken for the voter that its name was. */
inline lose_disk(s) {
    printf("#%d loses its disk\n", s);
#ifdef WIPED_DISK_VOTES
    wiped = true;
#endif
    step_down(s);
    term[s] = 0;
    voted_for[s] = 0;
    length[s] = 0;
    for (at : 1 .. ENTRIES) { LOG(s, at) = 0 }
    at = 0;
    read_voters(s)
}

proctype server(byte me) {
end:
    do
    :: atomic {
        if
        MAY_CAMPAIGN(1) MAY_CAMPAIGN(2)
#if TERMS >= 3
        MAY_CAMPAIGN(3)
#endif
#if TERMS >= 4
        MAY_CAMPAIGN(4)
#endif
        MAY_GRANT(0) MAY_GRANT(1) MAY_GRANT(2)
        MAY_CHANGE_OF(0) MAY_CHANGE_OF(1) MAY_CHANGE_OF(2)
#if SERVERS >= 4
        MAY_GRANT(3)
        MAY_CHANGE_OF(3)
#endif
#ifdef VOTE_COUNT_INT
        MAY_COUNT(0) MAY_COUNT(1) MAY_COUNT(2)
#if SERVERS >= 4
        MAY_COUNT(3)
#endif
#endif
        :: role[me] == CANDIDATE && length[me] < ENTRIES && HAS_WON(me) -> step = LEAD
        MAY_COMMIT(1) MAY_COMMIT(2) MAY_COMMIT(3) MAY_COMMIT(4) MAY_COMMIT(5) MAY_COMMIT(6)
        MAY_TAKE_OF(1)
        MAY_TAKE_OF(2)
#if TERMS >= 3
        MAY_TAKE_OF(3)
#endif
#if TERMS >= 4
        MAY_TAKE_OF(4)
#endif
        :: IS_CHANGED_BY_RESTART(me) -> step = RESTART
#ifdef WIPED_DISK_VOTES
        :: term[me] > 0 && !wiped -> step = LOSE_DISK
#endif
        fi;
        d_step {
            if
            :: step == CAMPAIGN -> campaign(me, x)
            :: step == GRANT -> grant(me, x)
#ifdef VOTE_COUNT_INT
            :: step == COUNT ->
                printf("#%d counts a vote of #%d\n", me, x);
                counted[me]++
#endif
            :: step == LEAD -> lead(me)
            :: step == CHANGE -> change(me, x)
            :: step == COMMIT -> commit(me, x)
            :: step == TAKE -> take(me, x, y)
            :: step == RESTART -> restart(me)
            :: step == LOSE_DISK -> lose_disk(me)
            fi;
            step = 0;
            x = 0;
            y = 0;
            sort_servers()
        }
    }
    od
}

init {
    d_step {
        for (at : 0 .. SERVERS - 1) { voters[at] = FIRST_VOTERS }
        at = 0
    }
    atomic {
        run server(0);
        run server(1);
        run server(2);
#if SERVERS >= 4
        run server(3)
#endif
    }
}
