"""What UPS's two-character activity codes mean, by the type of the activity: as tables.

The codes are those of UPS's appendix "Tracking movement, exception and status codes"
(https://developer.ups.com/tag/Tracking, "Codes"): scans, exceptions, delivery locations, Mail Innovations and access
points. The same two characters stand in several of its lists, so the type decides which list is read. UPS's freight
and forwarding lists are left out: their numbers collide with the parcels', and no parcel has them.
"""

from collections.abc import Mapping

from app.models.vocabulary import Milestone
from app.tracking.adapter.base import Meaning, NoMilestone


def _table(groups: Mapping[Meaning, str]) -> dict[str, Meaning]:
    return {code: meaning for meaning, codes in groups.items() for code in codes.split()}


DELIVERIES = _table(
    {
        # At an access point, a locker, a UPS facility, a shop or a post office, waiting to be fetched.
        Milestone.ready_for_pickup: "1N 2Q 5G 6B 8I EP I5 P0 PC PE UE ZI ZP ZQ",
        # Left with the recipient or a neighbour, at a door, a desk, a dock, a mailbox; or fetched.
        Milestone.delivered: """
            2W 3F 3G 3H 56 59 8N 8O 9E A0 AI F4 FS FT FV KB KM M1 M2 M3 M4 M5 M6 M7 M8 M9 MA MB MC MD ME MG
            MH MJ MK ML MM MN MP MQ MR MS MU MW MX NL NT OO OZ P1 P5 PF UC YC ZE ZF ZG ZH
        """,
        # Back with the sender.
        Milestone.returned: "B0 PJ PQ PR PS PT PV PW SA SC SD SH SK SQ UA",
    }
)
"""Under type D: where the parcel was left."""


SCANS = _table(
    {
        # A label, made or printed.
        Milestone.registered: "OC PL",
        # Picked up, dropped off, seen for the first time.
        Milestone.dispatched: "OR PC PT PU XD",
        # Arrived, departed, sorted, imported, exported, cleared; on to a post office or an access point.
        Milestone.in_transit: "AG AR AT DL DP DS EP HU IP LC LM OD UL WH XA XR YH YM YN YP",
        # On the vehicle of the day.
        Milestone.out_for_delivery: "OF OT YF YI",
        # Changes and holds asked for, arranged or done; contacts made; claims and investigations; refunds.
        NoMilestone.nothing: "CA CD CL SP UA UD VP",
    }
)
"""Under types I, P and O: what happened to the parcel. Some letters mean another thing under type X."""


EXCEPTIONS = _table(
    {
        # A label, made or printed.
        Milestone.registered: "9C 9D 9J 9K",
        # Picked up, dropped off, seen for the first time.
        Milestone.dispatched: "HF P4 VS Z5",
        # Arrived, departed, sorted, imported, exported, cleared; on to a post office or an access point.
        Milestone.in_transit: """
            1P 2D 2J 2O 2R 2S 2U 2V 3P 3R 3V 4B 4F 4H 5S 6H 6J 6K 6P 76 77 7C 7D 83 85 86 8M 8R BN DA EZ F0
            F3 F7 GD HL HM I8 IP LV LX LY MZ O7 OA OF P2 P3 P8 PA PB PG Q2 Q3 Q4 Q7 RB RC RI SR SX UI VX VZ W8
            XD Y9 YG YH YR YT YX Z3 ZD ZK ZL ZN ZR ZT ZV ZW ZX ZY ZZ
        """,
        # On the vehicle of the day.
        Milestone.out_for_delivery: "2K 7K P9 RK RL ZS",
        # At an access point, a locker, a UPS facility, a shop or a post office, waiting to be fetched.
        Milestone.ready_for_pickup: "1N 2Q 5G 6B 8I EP I5 P0 PC PE UE ZI ZP ZQ",
        # Tried, and nobody there, closed, or no signature, age or money.
        Milestone.attempt_failed: """
            2X 48 49 51 52 55 5R 5Z 6R 7L 89 AY C4 CI DI DV DX FM G3 G7 G8 GB HQ IQ IR KX KZ L1 OH QS QT QU
            QV QW YD ZM
        """,
        # Lost, damaged, refused, prohibited, seized or destroyed; address wrong; papers or money missing.
        Milestone.exception: """
            11 13 1C 1F 1W 25 26 28 29 2B 45 47 4Z 50 53 5T 60 61 62 64 67 73 7F 7H 7U 8D 9F A2 A3 A4 A5 A6
            A7 A8 A9 AA AB AC AD AE AF AG AJ AK AL AM AN AP AQ AS AV AW AX B5 BG BH BJ BK BL BM BO BP BS BZ
            C8 C9 CA CH CT CU CV CW CY D9 DD DP DS DW DY DZ E1 ES ET EU EV EW EX EY F8 FA FC FE GF GK GZ H1
            H2 H3 H4 H5 H7 H9 HD HE HK HO HR I2 IY J0 KI KQ KR KS KT NI OJ OQ PH PI PL PN PO PU PX Q5 Q8 Q9
            QA QB QC QD QE QF QG QH QI QJ QK QL QP QR QX QZ R0 R7 R9 RN RR RS RT S2 S3 S9 SJ SL SP ST TF
            TJ TV TX U0 U3 UN UP UR US X6 XA XB YE YF YL YM YV
        """,
        # On its way back to the sender.
        Milestone.returning: "24 27 3N 4R 4S 65 66 6C 8H 90 A1 CF CS DL H8 I1 KP O0 O4 PP RV SM TU UF XU YJ YK ZO",
        # Back with the sender.
        Milestone.returned: "B0 PJ PQ PR PS PT PV PW SA SC SD SH SK SQ UA",
        # Is, will or may be late, or put off to a later day, whatever the reason. What only might cause a delay is
        # movement, and so are codes that other lists of UPS's give to something else.
        Milestone.delayed: """
            00 02 04 08 09 12 15 16 17 18 19 1K 1L 1O 1V 1X 23 2A 2H 2Y 31 32 3A 3B 3C 3T 41 42 44 46 68 7R
            7S 7V 7W 7X 7Y 7Z 87 8K 8L 8Y 8Z 9L 9M 9N 9O 9P 9Q 9R 9T 9U 9V 9X 9Y 9Z AH AZ B9 C5 C6 CB CC CK
            CM CN CP CQ CR D0 D4 DC DF DG DJ DK E3 FG G6 G9 GC GH GI HA HH IJ LE LF NP NW O6 OI OM OS PD PM
            PY PZ TH UK
        """,
        # Misrouted; missed; with customs, agencies or brokers; held for a later day, or as somebody wished.
        NoMilestone.movement: """
            01 03 05 06 07 14 1A 1B 1E 1G 1H 1M 1Q 1U 22 2N 2T 2Z 34 38 3D 3J 3L 3S 3U 40 43 4C 4I 4J 4K 4M
            4P 4T 4Y 57 5F 5U 5V 5W 6D 6E 6L 6T 70 71 72 7A 7B 7E 7G 7I 7M 7N 7P 7T 84 8A 8C 8E 8F 8G 95 98
            9I 9S AO AT B1 B2 B3 B4 B6 B8 BA BB BD BE BF BI BV BW BX C3 CD CE CL CO CX CZ D1 D5 DB DE DM DN
            DQ DR DU E4 E8 E9 EA EC ED EF EG EH EI EJ EK EL EM EN EO EQ ER FB FF FO FZ G1 GV GW HG HW IB J8
            K1 K2 L2 L3 L4 L5 LI LZ MF MI MT OB OD OR OT P6 P7 PK Q0 Q1 Q6 QM QN QQ QY R1 R2 R4 R5 R6 RA RD
            RE RJ RM RO RP RQ RU RY RZ S1 S4 S5 S6 S8 SF SI SN SS SV SY T3 T9 TE TG TI TN TT UG VA VG VK VL
            VP VQ VR X0 X2 X3 X4 X5 X7 X8 XC XE XG XJ XK XL XN XO XV XW XY XZ Y1 Y4 Y5 Y7 YA YI YS Z1
        """,
        # Changes and holds asked for, arranged or done; contacts made; claims and investigations; refunds.
        NoMilestone.nothing: """
            1D 1T 1Z 2C 2E 2G 30 33 37 39 3Q 3W 3Z 4L 4N 4Q 4X 54 5A 5B 5D 63 6G 6I 6W 6X 6Z 74 78 79 7Q 8Q
            91 92 93 99 AU BQ BR BT C7 CG CJ D2 D7 DO DT E0 E2 E7 EB EE F1 F2 F5 FD FI FN FW G4 G5 GN GO GQ
            GR H6 HI HJ HN I3 I9 J9 JA JB JC JH JI JJ K5 K6 K7 K8 KN KO KU KY L0 L6 L8 LH LM LN LO LQ LU MV
            MY NS NX O1 O2 O3 O5 O8 O9 OE OL R3 R8 RF RG RH RW RX S0 S7 SB SE SG SO SU T4 T5 T6 T7 T8 TA TB
            TC TK TL TO TR TS TW UD UJ UL UO UT UW UX UZ V9 VB VD VE VF VH VI VJ VM VN VU VV VW X9 XS Y2 Y3
            YU YW Z7 Z8 ZA ZB ZC ZU
        """,
    }
)
"""Under type X, and under the others where no scan has these letters: what came between, and what was told about it."""
